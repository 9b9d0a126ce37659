# SPDX-License-Identifier: Apache-2.0
"""What the Autobahn test suite sends to a server, by its case numbers (sections 1 to 7 and 9).

A server of that suite echoes messages. Ours reads and ignores them, so "the echo comes" is here "the connection is
still of use", and what the server sends is judged by test_websocket_conformance.py with events.
"""
import collections
import struct

from ws_libraries import Frame
from ws_rig import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

KIB, MIB = 1 << 10, 1 << 20
FAST = (64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB)

# ends: the close code that the server answers with; None: the connection stays of use.
# pongs: what it answers to PINGs before that. chop: how many bytes are written at once (None: all).
Case = collections.namedtuple("Case", "frames chop ends pongs", defaults=(None, None, ()))
CASES = {}


def case(name, *frames, chop=None, ends=None, pongs=None):
    assert name not in CASES, name
    if pongs is None:
        pongs = [f.payload for f in frames if f.opcode == PING] if ends is None else []
    CASES[name] = Case(list(frames), chop, ends, list(pongs))


def fragments(opcode, *payloads):
    last = len(payloads) - 1
    return [Frame(opcode if i == 0 else CONTINUATION, p, fin=i == last) for i, p in enumerate(payloads)]


def by(data, n):
    return [data[at:at + n] for at in range(0, len(data), n)]


def closing(code, reason=b""):
    return Frame(CLOSE, struct.pack(">H", code) + reason)


HELLO = Frame(TEXT, b"Hello, world!")

# 1: framing
for section, opcode in ((1, TEXT), (2, BINARY)):
    for i, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
        case(f"1.{section}.{i}", Frame(opcode, b"*" * size))
    case(f"1.{section}.8", Frame(opcode, b"*" * 65536), chop=997)

# 2: PINGs and PONGs
for i, payload in enumerate((b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125), 1):
    case(f"2.{i}", Frame(PING, payload))
case("2.5", Frame(PING, b"\xfe" * 126), ends=1002)
case("2.6", Frame(PING, b"\xfe" * 125), chop=1)
case("2.7", Frame(PONG))
case("2.8", Frame(PONG, b"unsolicited pong payload"))
case("2.9", Frame(PONG, b"unsolicited pong payload"), Frame(PING, b"ping payload"))
PINGS = [Frame(PING, b"payload-%d" % i) for i in range(10)]
case("2.10", *PINGS)
case("2.11", *PINGS, chop=1)

# 3: reserved bits
case("3.1", HELLO._replace(rsv=1), ends=1002)
case("3.2", HELLO, HELLO._replace(rsv=2), Frame(PING), ends=1002)
case("3.3", HELLO, HELLO._replace(rsv=3), Frame(PING), ends=1002)
case("3.4", HELLO, HELLO._replace(rsv=4), Frame(PING), chop=1, ends=1002)
case("3.5", Frame(BINARY, b"\x00\xff\xfe", rsv=5), ends=1002)
case("3.6", Frame(PING, b"Hello, world!", rsv=6), ends=1002)
case("3.7", closing(1000)._replace(rsv=7), ends=1002)

# 4: opcodes that mean nothing
for section, first in ((1, 3), (2, 11)):
    case(f"4.{section}.1", Frame(first), ends=1002)
    case(f"4.{section}.2", Frame(first + 1, b"reserved opcode payload"), ends=1002)
    case(f"4.{section}.3", HELLO, Frame(first + 2), Frame(PING), ends=1002)
    case(f"4.{section}.4", HELLO, Frame(first + 3, b"reserved opcode payload"), Frame(PING), ends=1002)
    case(f"4.{section}.5", HELLO, Frame(first + 4, b"reserved opcode payload"), Frame(PING), chop=1, ends=1002)

# 5: fragmentation
TWO = fragments(TEXT, b"fragment1", b"fragment2")
ALONE = Frame(CONTINUATION, b"non-continuation payload")
case("5.1", *fragments(PING, b"fragment1", b"fragment2"), ends=1002)
case("5.2", *fragments(PONG, b"fragment1", b"fragment2"), ends=1002)
case("5.3", *TWO)
case("5.4", *TWO, chop=9)
case("5.5", *TWO, chop=1)
for i, chop in ((6, None), (7, 9), (8, 1)):
    case(f"5.{i}", TWO[0], Frame(PING, b"ping payload"), TWO[1], chop=chop)
for i, chop in ((9, None), (10, 9), (11, 1)):
    case(f"5.{i}", ALONE, HELLO, chop=chop, ends=1002)
for i, chop in ((12, None), (13, 9), (14, 1)):
    case(f"5.{i}", ALONE._replace(fin=False), HELLO, chop=chop, ends=1002)
case("5.15", *TWO, Frame(CONTINUATION, b"fragment3", fin=False), Frame(TEXT, b"fragment4"), ends=1002)
case("5.16", *[ALONE._replace(fin=False), *TWO] * 2, ends=1002)
case("5.17", *[ALONE, *TWO] * 2, ends=1002)
case("5.18", TWO[0], TWO[1]._replace(opcode=TEXT), ends=1002)
FIVE = fragments(TEXT, *(b"fragment%d" % i for i in range(1, 6)))
BETWEEN = [*FIVE[:2], Frame(PING, b"ping 1"), *FIVE[2:4], Frame(PING, b"ping 2"), FIVE[4]]
case("5.19", *BETWEEN)
case("5.20", *BETWEEN, chop=1)

# 6: text is UTF-8
MIXED = "Hello-µ@ßöäüàá-UTF-8!!".encode()
GREEK = "κόσμε".encode()
SURROGATE = b"\xed\xa0\x80"
TOO_FAR = b"\xf4\x90\x80\x80"  # U+110000
case("6.1.1", Frame(TEXT))
case("6.1.2", *fragments(TEXT, b"", b"", b""))
case("6.1.3", *fragments(TEXT, b"", b"middle frame payload", b""))
case("6.2.1", Frame(TEXT, MIXED))
case("6.2.2", *fragments(TEXT, MIXED[:12], MIXED[12:]))
case("6.2.3", *fragments(TEXT, *by(MIXED, 1)))
case("6.2.4", *fragments(TEXT, *by(GREEK, 1)))
case("6.3.1", Frame(TEXT, GREEK + SURROGATE + b"edited"), ends=1007)
case("6.3.2", *fragments(TEXT, *by(GREEK + SURROGATE + b"edited", 1)), ends=1007)
# Fail fast: the server does not wait for what is still to come.
case("6.4.1", *fragments(TEXT, GREEK, TOO_FAR, b"edited")[:2], ends=1007)
case("6.4.2", *fragments(TEXT, GREEK + TOO_FAR[:3], TOO_FAR[3:], b"edited")[:1], ends=1007)
HEADER = 6  # of a short frame, with its mask
case("6.4.3", Frame(TEXT, GREEK + TOO_FAR + b"edited", cut=HEADER + len(GREEK) + 4), ends=1007)
case("6.4.4", Frame(TEXT, GREEK + TOO_FAR + b"edited", cut=HEADER + len(GREEK) + 2), chop=1, ends=1007)


def noncharacters():
    for plane in range(17):
        for low in (0xfffe, 0xffff):
            yield chr(plane << 16 | low).encode()


# By the suite's subsection, in hex. Whether a sequence is valid is for Python to say.
SEQUENCES = {
    5: [GREEK.hex()],
    6: [GREEK[:n].hex() for n in range(1, len(GREEK) + 1)],
    7: ["00", "c280", "e0a080", "f0908080"],
    8: ["f888808080", "fc8480808080"],
    9: ["7f", "dfbf", "efbfbf", "f48fbfbf"],
    10: ["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"],
    11: ["ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080"],
    12: ["80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf", bytes(range(0x80, 0xc0)).hex()],
    13: ["".join(f"{b:02x}20" for b in starts)
         for starts in (range(0xc0, 0xe0), range(0xe0, 0xf0), range(0xf0, 0xf8), range(0xf8, 0xfc), (0xfc, 0xfd))],
    14: ["c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"],
    15: ["c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"],
    16: ["fe", "ff", "fefeffff"],
    17: ["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"],
    18: ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"],
    19: ["c080", "e08080", "f0808080", "f880808080", "fc8080808080"],
    20: ["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"],
    21: [high + low for high in ("eda080", "edadbf", "edae80", "edafbf") for low in ("edb080", "edbfbf")],
    22: [s.hex() for s in noncharacters()],
    23: [chr(c).encode().hex() for c in range(0xfff9, 0x10000)],
}


def is_utf8(data):
    try:
        return data.decode() is not None
    except UnicodeDecodeError:
        return False


for section, sequences in SEQUENCES.items():
    for i, sequence in enumerate(map(bytes.fromhex, sequences), 1):
        ends = None if is_utf8(sequence) else 1007
        case(f"6.{section}.{i}", Frame(TEXT, sequence), ends=ends)
        if len(sequence) > 1:
            case(f"6.{section}.{i} in fragments", *fragments(TEXT, *by(sequence, 1)), ends=ends)

# 7: the end
case("7.1.1", HELLO, closing(1000), ends=1000)
case("7.1.2", closing(1000), closing(1000), ends=1000)
case("7.1.3", closing(1000), Frame(PING), ends=1000)
case("7.1.4", closing(1000), HELLO, ends=1000)
case("7.1.5", TWO[0], closing(1000), TWO[1], ends=1000)
case("7.1.6", Frame(TEXT, b"BAsd7&jh23" * 26000), HELLO, closing(1000), Frame(PING), ends=1000)
case("7.3.1", Frame(CLOSE), ends=1005)
case("7.3.2", Frame(CLOSE, b"a"), ends=1002)
case("7.3.3", closing(1000), ends=1000)
case("7.3.4", closing(1000, b"Hello World!"), ends=1000)
case("7.3.5", closing(1000, b"*" * 123), ends=1000)
case("7.3.6", closing(1000, b"*" * 124), ends=1002)
case("7.5.1", closing(1000, GREEK + SURROGATE + b"edited"), ends=1007)
VALID = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
for i, code in enumerate(VALID, 1):
    case(f"7.7.{i}", closing(code), ends=code)
for i, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
    case(f"7.9.{i}", closing(code), ends=1002)
case("7.13.1", closing(5000), ends=1002)
case("7.13.2", closing(65535), ends=1002)

# 9: sizes and numbers. A frame may have max_frame bytes, which is at most a MiB; a message any number of frames.
BIG = b"*" * (4 * MIB)
for section, opcode in ((1, TEXT), (2, BINARY)):
    for i, size in enumerate((64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1):
        case(f"9.{section}.{i}", Frame(opcode, b"*" * size), ends=None if size <= MIB else 1009)
for section, opcode in ((3, TEXT), (4, BINARY)):
    for i, size in enumerate((*FAST, 4 * MIB), 1):
        case(f"9.{section}.{i}", *fragments(opcode, *by(BIG[:MIB if size < KIB else None], size)),
             ends=None if size <= MIB else 1009)
for section, opcode in ((5, TEXT), (6, BINARY)):
    for i, chop in enumerate((64, 128, 256, 512, KIB, 2 * KIB), 1):
        case(f"9.{section}.{i}", Frame(opcode, b"*" * MIB), chop=chop)
for section, opcode in ((7, TEXT), (8, BINARY)):
    for i, size in enumerate((0, 16, 64, 256, KIB, 4 * KIB), 1):
        case(f"9.{section}.{i}", *[Frame(opcode, b"*" * size)] * 1000)
