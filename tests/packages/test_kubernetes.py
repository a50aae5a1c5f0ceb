# SPDX-License-Identifier: GPL-2.0-only
"""contrib/kubernetes/daemonset.yaml: what a cluster would refuse, and what would make the pod blind."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/pipelines"))
import peers  # noqa: E402  (tests/ is no package)

NAMESPACE, CONFIG, DAEMONS = yaml.safe_load_all((ROOT / "contrib/kubernetes/daemonset.yaml").read_text(encoding="utf-8"))
TEMPLATE = DAEMONS["spec"]["template"]
POD = TEMPLATE["spec"]
(CONTAINER,) = POD["containers"]
UNIT = (ROOT / "contrib/systemd/tcplife-fsm.service").read_text(encoding="utf-8")
NEWER = {"spec.template.spec.containers.0.securityContext.appArmorProfile"}  # than Debian's kubectl: of Kubernetes 1.30


def unit(key):
    return re.search(f"(?m)^{key}=(.*)$", UNIT)[1]


def unknown(wanted, typed, path):
    """Where `typed` lacks something of `wanted`."""
    if isinstance(wanted, (dict, list)) and isinstance(typed, type(wanted)):
        pairs = wanted.items() if isinstance(wanted, dict) else enumerate(wanted)
        have = typed if isinstance(typed, dict) else dict(enumerate(typed))
        return [found for key, value in pairs for found in unknown(value, have.get(key), [*path, str(key)])]
    return [] if wanted == typed else [".".join(path)]


def through_types(document):
    """As Kubernetes' own types read and write it, or its complaint."""
    before = json.loads(json.dumps(document))
    before["spec"]["template"]["spec"]["containers"][0]["image"] = "before:1"  # kubectl prints what it changes
    argv = [peers.get("kubectl").program, "set", "image", "--local", "-f", "-", "tcplife-fsm=" + CONTAINER["image"], "-o", "json"]
    done = subprocess.run(argv, input=yaml.safe_dump(before), capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_types():
    typed = through_types(DAEMONS)
    assert isinstance(typed, dict), typed
    assert set(unknown(DAEMONS, typed, [])) <= NEWER
    wrong = json.loads(json.dumps(DAEMONS))
    wrong["spec"]["template"]["spec"]["hostPid"] = True
    assert "spec.template.spec.hostPid" in unknown(wrong, through_types(wrong), []), "it finds what is wrong"
    wrong["spec"]["template"]["spec"]["hostPID"] = "yes"
    assert isinstance(through_types(wrong), str)


def test_objects_fit_together():
    kinds = [(d["apiVersion"], d["kind"]) for d in (NAMESPACE, CONFIG, DAEMONS)]
    assert kinds == [("v1", "Namespace"), ("v1", "ConfigMap"), ("apps/v1", "DaemonSet")]
    assert CONFIG["metadata"]["namespace"] == DAEMONS["metadata"]["namespace"] == NAMESPACE["metadata"]["name"]
    assert DAEMONS["spec"]["selector"]["matchLabels"].items() <= TEMPLATE["metadata"]["labels"].items()
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == set(volumes)
    assert volumes["config"]["configMap"]["name"] == CONFIG["metadata"]["name"]


def test_it_sees_the_node():
    """With the unit's capabilities and limits. What only a pod needs is NET_ADMIN, for namespaces that only a socket keeps."""
    assert POD["hostPID"] is True and POD["hostNetwork"] is True
    capabilities = CONTAINER["securityContext"]["capabilities"]
    units = {name.removeprefix("CAP_") for name in unit("CapabilityBoundingSet").split()}
    assert capabilities["drop"] == ["ALL"] and set(capabilities["add"]) == units | {"NET_ADMIN"}
    limits = CONTAINER["resources"]["limits"]
    assert limits == {"cpu": unit("CPUQuota").removesuffix("%") + "0m", "memory": unit("MemoryMax") + "i"}


def test_configuration(tmp_path):
    """The options are those of this version; the files that they name are on volumes that outlive the pod where that matters."""
    (name, text), = CONFIG["data"].items()
    (tmp_path / name).write_text(text, encoding="utf-8")
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    command, config, where, metrics, address = CONTAINER["args"]
    assert (command, config, metrics) == ("trace", "--config", "--metrics") and mounts[str(Path(where).parent)] == "config"
    state = Path(re.search("(?m)^state-file (.*)$", text)[1])
    assert "hostPath" in volumes[mounts[str(state.parent)]] and mounts["/run/tcplife-fsm"] == "status"
    argv = [os.environ.get("TCPLIFE_FSM", ROOT / "build/tcplife-fsm"), command, config, tmp_path / name, metrics]
    subprocess.run([*argv, address.replace("$(NODE_IP)", "127.0.0.1"), "--check-config"], check=True, capture_output=True)
    assert {entry["name"] for entry in CONTAINER["env"]} == set(re.findall(r"\$\((\w+)\)", " ".join(CONTAINER["args"])))


def test_probes_and_scrapes_ask_where_it_listens():
    (port,) = CONTAINER["ports"]
    number = CONTAINER["args"][-1].rpartition(":")[2]
    assert str(port["containerPort"]) == str(port["hostPort"]) == number
    annotations = TEMPLATE["metadata"]["annotations"]
    assert (annotations["prometheus.io/scrape"], annotations["prometheus.io/port"]) == ("true", number)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": annotations["prometheus.io/path"], "port": port["name"]}
