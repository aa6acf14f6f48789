"""The filter of system calls, run call by call on an interpreter of its own little language."""

import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from service.sandbox.lock import seccomp
from service.sandbox.lock.calls import ALLOWED, CONDITIONAL, GPU, Numbers
from support.raw_calls import NUMBERS

PID = 4242
HIGH = 1 << 32
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50001, 0x50026
ARCHITECTURES: Mapping[seccomp.Architecture, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
HEADERS: Mapping[seccomp.Architecture, str] = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}
both = pytest.mark.parametrize("architecture", ARCHITECTURES)


def answer(raw: bytes, number: int, audit: int, arguments: Sequence[int] = ()) -> int:
    """What the kernel would make of a call: a little machine with one register."""
    lines = list(struct.iter_unpack("HBBI", raw))
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, audit, 0, *padded)
    at, held = 0, 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            held = int.from_bytes(data[value : value + 4], "little")
        elif code == 0x54:
            held &= value
        else:
            taken = {0x15: held == value, 0x35: held >= value}[code]
            at += yes if taken else no


def program(architecture: seccomp.Architecture, *, gpu: bool = False) -> bytes:
    """The filter of one child."""
    return seccomp.program(seccomp.filter_for(PID, gpu=gpu), architecture)


def numbers_on(architecture: seccomp.Architecture, calls: Mapping[str, Numbers]) -> dict[str, int]:
    """Those calls that an architecture has."""
    found = {name: getattr(numbers, architecture) for name, numbers in calls.items()}
    return {name: number for name, number in found.items() if number is not None}


def test_smallest_filter_byte_by_byte() -> None:
    """One allowed call makes seven lines: architecture, number, and three answers."""
    told = seccomp.Filter({"read": Numbers(0, 63)}, {}, {})
    assert seccomp.program(told, "aarch64") == bytes.fromhex(
        "2000000004000000"  # load the architecture
        "15000100b70000c0"  # ours: pass over the next line
        "0600000000000080"  # kill the process
        "2000000000000000"  # load the number
        "150000013f000000"  # read: go on, else pass over the next line
        "060000000000ff7f"  # allow
        "0600000001000500"  # EPERM
    )


@both
@pytest.mark.parametrize("gpu", [False, True])
def test_every_line_leads_on(architecture: seccomp.Architecture, gpu: bool) -> None:
    """No jump leaves the program, and the kernel takes programs of this length."""
    lines = list(struct.iter_unpack("HBBI", program(architecture, gpu=gpu)))
    assert len(lines) <= 4096
    assert lines[-1][0] == 0x06
    assert all(at + 1 + max(yes, no) < len(lines) for at, (_, yes, no, _) in enumerate(lines[:-1]))


@both
def test_no_number_names_two_calls(architecture: seccomp.Architecture) -> None:
    """A number that is listed twice would allow a call under a wrong name."""
    listed = numbers_on(architecture, {**ALLOWED, **CONDITIONAL, **GPU})
    assert len(set(listed.values())) == len(listed)
    assert not ALLOWED.keys() & CONDITIONAL.keys()


@both
@pytest.mark.parametrize("table", [{**ALLOWED, **CONDITIONAL, **GPU}, NUMBERS], ids=["lock", "us"])
def test_numbers_are_the_kernels(
    architecture: seccomp.Architecture, table: Mapping[str, Numbers]
) -> None:
    """Every number is the one of the kernel's own header, and so is every absence."""
    header = Path(HEADERS[architecture])
    if not header.exists():
        pytest.skip("no kernel headers on this machine")
    listed = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    told = {name: int(number) for name, number in listed}
    told.setdefault("newfstatat", told.get("fstatat", -1))  # the newer architectures' name for it
    assert {n: getattr(numbers, architecture) for n, numbers in table.items()} == {
        name: told.get(name) for name in table
    }


@both
def test_only_the_listed_calls_are_allowed(architecture: seccomp.Architecture) -> None:
    """Of all numbers, those that are not listed are answered with EPERM."""
    raw = program(architecture)
    allowed = set(numbers_on(architecture, ALLOWED).values())
    asked = set(numbers_on(architecture, CONDITIONAL).values())
    for number in set(range(700)) - asked:
        expected = ALLOW if number in allowed else EPERM
        assert answer(raw, number, ARCHITECTURES[architecture]) == expected, number


@both
@pytest.mark.parametrize(
    "audit", [0x40000003, 0x40000028, 0xC0000015, 0xC00000F3, 0x3E, 0, 0xFFFFFFFF]
)
def test_other_architectures_are_killed(architecture: seccomp.Architecture, audit: int) -> None:
    """The same number means another call there, so no call of theirs is looked at."""
    raw = program(architecture)
    assert {answer(raw, number, audit) for number in range(500)} == {KILL}


@pytest.mark.parametrize("number", [0x40000000, 0x40000001, 0x400000C8, 0x40000220, 0xFFFFFFFF])
def test_x32_is_killed(number: int) -> None:
    """The second table of x86-64 is closed as a whole."""
    assert answer(program("x86_64"), number, ARCHITECTURES["x86_64"]) == KILL


THREAD = 0x3D0F00
CASES: Mapping[str, list[tuple[list[int], int]]] = {
    "clone": [
        ([THREAD], ALLOW),
        ([THREAD | 0x400000], ALLOW),  # as musl starts threads
        ([THREAD | HIGH], ALLOW),  # the kernel looks at the lower half alone
        ([17], EPERM),
        ([0x4111], EPERM),  # vfork
        ([0x10000], EPERM),
        ([0x10000 << 32 | 17], EPERM),
        *[([THREAD | flag], EPERM) for flag in (0x1000, 0x2000, 0x4000, 0x8000)],
        *[([THREAD | 1 << bit], EPERM) for bit in (17, 25, 26, 27, 28, 29, 30)],
        ([THREAD & ~0x10000], EPERM),
    ],
    "clone3": [([0], ENOSYS), ([1 << 47, 88], ENOSYS)],
    "fcntl": [
        *[([9, command], ALLOW) for command in (0, 1, 2, 3, 4, 1030)],
        *[([9, command], EPERM) for command in (5, 6, 7, 8, 10, 15, 1024, 1026, 1031, 1033, -1)],
    ],
    "ioctl": [
        *[([9, command], ALLOW) for command in (0x5401, 0x5413, 0x541B, 0x5421, 0x5451)],
        *[([9, command], EPERM) for command in (0x5412, 0x5452, 0x8901, 0x8902, 0x40086602, 0)],
    ],
    "kill": [
        ([PID, 9], ALLOW),
        *[([pid, 9], EPERM) for pid in (1, 0, -1, -PID, PID - 1, PID << 32, 1 | PID << 32)],
        ([PID | HIGH, 9], ALLOW),  # a process id is 32 bits wide to the kernel as well
    ],
    "open": [
        *[([0, flags], ALLOW) for flags in (0, 1, 2, 0o2000000, 0o200000, 0o1001, 0o1002)],
        *[([0, flags], EPERM) for flags in (0o1000, 0o1000 | 0o2000000, 3)],
    ],
    "openat": [
        *[([0, 0, flags], ALLOW) for flags in (0, 1, 2, 0o2000000, 0o200000, 0o1002)],
        *[([0, 0, flags], EPERM) for flags in (0o1000, 0o1000 | 0o2000000, 3, 0o1000 | HIGH)],
    ],
    "prctl": [
        *[([option], ALLOW) for option in (15, 16, 0x53564D41)],
        *[([option], EPERM) for option in (1, 4, 22, 35, 38, 59, 0x59616D61)],
    ],
    "prlimit64": [
        ([0, 7, 0, 1 << 40], ALLOW),
        *[([0, 7, new], EPERM) for new in (1, HIGH, 1 << 63, 0x7FFF00000000)],
    ],
    "tgkill": [
        ([PID, PID, 6], ALLOW),
        ([PID, PID + 1, 6], ALLOW),
        *[([group, PID, 9], EPERM) for group in (1, -1, PID + 1, PID << 32)],
    ],
}


def test_every_condition_has_cases() -> None:
    """A new condition needs its line in the table above."""
    told = seccomp.filter_for(PID)
    assert CASES.keys() == {*told.arguments, *told.absent} == CONDITIONAL.keys()


@both
@pytest.mark.parametrize("name", CASES)
def test_conditions(architecture: seccomp.Architecture, name: str) -> None:
    """Each argument is judged by the bits that the kernel will look at, and by all of them."""
    number = getattr(CONDITIONAL[name], architecture)
    if number is None:
        return
    raw = program(architecture)
    for arguments, expected in CASES[name]:
        passed = [value & (1 << 64) - 1 for value in arguments]
        assert answer(raw, number, ARCHITECTURES[architecture], passed) == expected, arguments


@both
def test_a_gpu_child_is_given_no_more_than_its_driver_needs(
    architecture: seccomp.Architecture,
) -> None:
    """What is added for a GPU is the list of its name and ioctl; the other answers stay."""
    plain, gpu = program(architecture), program(architecture, gpu=True)
    audit = ARCHITECTURES[architecture]
    differing = {n for n in range(700) if answer(plain, n, audit) != answer(gpu, n, audit)}
    added = {**GPU, "ioctl": CONDITIONAL["ioctl"]}
    assert differing == set(numbers_on(architecture, added).values())
