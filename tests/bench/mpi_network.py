"""Runs a command by MPI processes with a slow network between them, each in a network namespace of its own.

Run:  python3 tests/bench/mpi_network.py --ranks 2 --gbit 1 --milliseconds 1 build/mnist_cnn --epochs 1

A packet goes from one namespace to another through mpi_relay.cpp, which hands it on when a line of that rate and
delay (one way) would have: kernels do not always have tc's netem. Needs root, Open MPI, iproute2, /dev/net/tun and a
build with its tests.
"""

import argparse
import fcntl
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 9000

# In place of ssh: mpirun's daemon for a host, in that host's namespace and under a name of its own.
AGENT = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=${1##*.}
shift
exec ip netns exec "nn-mpi-$host" unshare --uts sh -c "hostname host$host; $*"
"""


def ip(*args: object) -> None:
    subprocess.run(["ip", *map(str, args)], check=True)


class Host:
    """A namespace with one network device, whose packets are read and written through `tun`."""

    def __init__(self, number: int):
        self.namespace, self.address, device = f"nn-mpi-{number}", f"10.99.0.{number}", f"nn-tun-{number}"
        ip("netns", "add", self.namespace)
        self.tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
        ip("link", "set", device, "netns", self.namespace)
        ip("-n", self.namespace, "address", "add", f"{self.address}/24", "dev", device)
        ip("-n", self.namespace, "link", "set", device, "mtu", MTU, "up")
        ip("-n", self.namespace, "link", "set", "lo", "up")
        reno = "/proc/sys/net/ipv4/tcp_congestion_control"  # every kernel has it; another may pace and probe
        subprocess.run(["ip", "netns", "exec", self.namespace, "sh", "-c", f"echo reno > {reno}"], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--gbit", type=float, default=1, help="per second and direction")
    parser.add_argument("--milliseconds", type=float, default=1, help="one way")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build", help="where mpi_relay is")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    numbers = range(1, options.ranks + 1)
    with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as agent:
        agent.write(AGENT)
    os.chmod(agent.name, 0o700)
    try:
        hosts = [Host(number) for number in numbers]
        line = [options.gbit * 1e9, options.milliseconds / 1000, *(f"{host.tun}={host.address}" for host in hosts)]
        relay = subprocess.Popen(
            [options.build_dir / "tests" / "mpi_relay", *map(str, line)],
            stdin=subprocess.PIPE,
            pass_fds=[host.tun for host in hosts],
        )
        settings = {
            "plm_rsh_agent": agent.name,
            "mpi_yield_when_idle": "1",  # to the relay, where there are few cores
            "btl": "tcp,self",
            "btl_tcp_if_include": "10.99.0.0/24",
            "oob_tcp_if_include": "10.99.0.0/24",
        }
        command = ["mpirun", "-n", str(options.ranks), "--bind-to", "none"]
        command += ["--host", ",".join(f"{host.address}:1" for host in hosts)]
        command += [word for name, value in settings.items() for word in ("--mca", name, value)]
        inside = ["ip", "netns", "exec", hosts[0].namespace, "unshare", "--uts", "sh", "-c"]
        inside += ['hostname host1; exec "$@"', "sh", *command, *options.command]
        allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        status = subprocess.run(inside, env={**os.environ, **allowed}).returncode
        relay.communicate()  # closes its standard input: it ends, and says what was sent
        return status
    finally:
        os.unlink(agent.name)
        for number in numbers:
            subprocess.run(["ip", "netns", "delete", f"nn-mpi-{number}"], check=False)


if __name__ == "__main__":
    sys.exit(main())
