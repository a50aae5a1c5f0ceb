# SPDX-License-Identifier: GPL-2.0-only
"""Programs that trace and scan are loaded with an excerpt of the kernel's types (src/kernel/btf_excerpt.c), whose numbers are not
the kernel's: none of their files may ask for one."""
import re
from pathlib import Path

import layers
import pytest

ROOT = Path(__file__).resolve().parents[2]
NUMBERED = re.compile(r"\bbpf_core_type_id_kernel\b|\bbpf_core_cast\b")


def asking(root, start):
    """The files below `start`, and itself, that ask for the number of a type."""
    units = {start} | layers.reachable(layers.includes(root), start)
    return sorted(unit for unit in units for path in (root / unit).parent.glob((root / unit).name + ".[ch]")
                  if NUMBERED.search(path.read_text()))


@pytest.mark.parametrize("programs", ["trace", "scan", "leak_scan"])
def test_asks_for_no_number(programs):
    assert asking(ROOT, f"bpf/{programs}.bpf") == []


def test_asking_is_found(tmp_path):
    (tmp_path / "bpf").mkdir()
    (tmp_path / "bpf/trace.bpf.c").write_text('#include "bpf/part.bpf.h"\n')
    (tmp_path / "bpf/part.bpf.h").write_text("x = bpf_core_type_id_kernel(struct sock);\n")
    assert asking(tmp_path, "bpf/trace.bpf") == ["bpf/part.bpf"]
