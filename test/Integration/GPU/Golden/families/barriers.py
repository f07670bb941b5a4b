"""mbarrier: which phases a script of operations completes. One lane runs the script; %o<k> is the k-th answer."""

import numpy as np
from ptx import Instruction

# Scripts: "init n", "arrive [n]", "drop [n]", "expect bytes", "arrive_expect bytes", "complete bytes",
# "test parity" (answers 0 or 1), "pending" (an arrival that answers how many were pending), "test_state" (phase of the last arrival).
SCRIPTS = {
    "counts": "init 2; test 0; test 1; arrive; test 0; arrive; test 0; test 1; arrive; test 1; arrive; test 1; test 0",
    "many": "init 5; arrive 3; test 0; arrive 2; test 0; arrive 5; test 1; test 0",
    "bytes": "init 1; arrive_expect 64; test 0; complete 32; test 0; complete 32; test 0; test 1",
    "expect-first": "init 1; expect 16; test 0; arrive; test 0; complete 16; test 0; test 1",
    "bytes-first": "init 1; complete 16; test 0; arrive_expect 16; test 0; test 1",
    "two-expects": "init 2; arrive_expect 16; arrive_expect 48; test 0; complete 64; test 0; arrive; test 1; arrive; test 1",
    "bytes-cross-phase": "init 1; arrive_expect 16; complete 16; test 0; arrive_expect 16; test 1; test 0; complete 16; test 1; test 0",
    "drop": "init 3; drop; test 0; arrive; test 0; arrive; test 0; arrive; test 1; arrive; test 1",
    "drop-two": "init 4; drop 2; arrive 2; test 0; arrive 2; test 1",
    "pending": "init 4; pending; pending; pending; pending; pending; test 0; test 1",
    "states": "init 2; arrive; test_state; arrive; test_state; arrive; test_state; arrive; test_state",
    "expect-nothing": "init 1; arrive_expect 0; test 0; test 1; arrive; test 1",
    "most": "init 1048575; arrive 1048574; test 0; arrive; test 0",
}


def step(text: str, answer: int) -> tuple[str, int]:
    """PTX of one step, and the next free answer."""
    verb, *number = text.split()
    value = number[0] if number else "1"
    at = "[%t0]"
    if verb == "init":
        return f"  mbarrier.init.shared::cta.b64 {at}, {value};", answer
    if verb == "arrive":
        return f"  mbarrier.arrive.release.cta.shared::cta.b64 %q8, {at}, {value};", answer
    if verb == "drop":
        return f"  mbarrier.arrive_drop.release.cta.shared::cta.b64 %q8, {at}, {value};", answer
    if verb == "expect":
        return f"  mbarrier.expect_tx.relaxed.cta.shared::cta.b64 {at}, {value};", answer
    if verb == "arrive_expect":
        return f"  mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 %q8, {at}, {value};", answer
    if verb == "complete":
        return f"  mbarrier.complete_tx.relaxed.cta.shared::cta.b64 {at}, {value};", answer
    if verb == "pending":
        return f"  mbarrier.arrive.shared::cta.b64 %q8, {at};\n  mbarrier.pending_count.b64 %o{answer}, %q8;", answer + 1
    asked = f"test_wait.parity.shared::cta.b64 %p1, {at}, {value}" if verb == "test" else f"test_wait.shared::cta.b64 %p1, {at}, %q8"
    assert verb in ("test", "test_state"), text
    return f"  mbarrier.{asked};\n  selp.u32 %o{answer}, 1, 0, %p1;", answer + 1


def scenario(name: str, script: str) -> Instruction:
    """A script of its own kernel; try_wait answers what test_wait does, later, so one form is enough."""
    lines, answers = [], 0
    for text in script.split("; "):
        line, answers = step(text, answers)
        lines.append(line)
    text = "  setp.ne.u32 %p0, %lane, 0;\n  @%p0 bra DONE;\n  mov.b32 %t0, %base;\n" + "\n".join(lines) + "\nDONE:"
    inputs = {"in": np.zeros((1, 32, 1), np.uint32), "shared": np.zeros((1, 16), np.uint8), "shared_index": np.zeros(1, int)}
    return Instruction(f"mbarrier.{name}", text, 1, answers, lambda rng: dict(inputs), shared=16, notes={"script": script})


def instructions() -> list[Instruction]:
    """One kernel a script, and where shared memory begins."""
    base = Instruction(
        "shared.base",
        "  mov.b32 %o0, %base;",
        1,
        1,
        lambda rng: {"in": np.zeros((1, 32, 1), np.uint32), "shared": np.zeros((1, 16), np.uint8), "shared_index": np.zeros(1, int)},
        shared=16,
    )
    return [base] + [scenario(name, script) for name, script in SCRIPTS.items()]
