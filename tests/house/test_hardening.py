# SPDX-License-Identifier: GPL-2.0-only
"""The check of hardening itself: a program that was built without one of the protections is found."""
import os
import subprocess

import hardening
import pytest

SOURCE = r"""
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char name[16];

	strcpy(name, argv[argc - 1]);
	return puts(name) < 0;
}
"""
ALL = ("-O2", "-fPIE", "-pie", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro", "-Wl,-z,now",
       "-Wl,-z,noexecstack")


@pytest.fixture
def build(tmp_path):
    """Returns the path of a program that was linked with these flags after ALL."""

    def run(*flags):
        source, program = tmp_path / "program.c", tmp_path / "program"
        source.write_text(SOURCE)
        subprocess.run([*os.environ.get("CC", "cc").split(), *ALL, *flags, source, "-o", program], check=True)
        return program

    return run


def test_all_protections(build):
    assert hardening.missing(build()) == []


@pytest.mark.parametrize("flags, what", [
    (("-fno-pie", "-no-pie"), "is not position independent (PIE)"),
    (("-Wl,-z,norelro",), "has no RELRO"),
    (("-Wl,-z,lazy",), "binds functions while it runs (no BIND_NOW)"),
    (("-Wl,-z,execstack",), "has a stack that can be executed"),
    (("-fno-stack-protector",), "has no stack protector"),
    (("-U_FORTIFY_SOURCE",), "has no FORTIFY"),
    (("-Wl,-rpath,/tmp",), "looks for libraries in a folder of its own (RPATH)"),
    (("-Wl,-rpath,/tmp", "-Wl,--disable-new-dtags"), "looks for libraries in a folder of its own (RPATH)"),
])  # fmt: skip
def test_one_is_missing(build, flags, what):
    assert hardening.missing(build(*flags)) == [what]


def test_no_program(tmp_path):
    (tmp_path / "text").write_text("#!/bin/sh\n")
    with pytest.raises(ValueError):
        hardening.missing(tmp_path / "text")
