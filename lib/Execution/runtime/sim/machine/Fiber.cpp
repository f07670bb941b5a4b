//===- Fiber.cpp - flows of execution that take turns ---------------------===//
// Law: a switch keeps what the calling convention keeps over a call, and nothing else; it makes no system call.

#include "Fiber.h"
#include <cstring>
#include <sys/mman.h>

#if defined(__x86_64__)
asm(R"(
  .text
  .p2align 4
  .globl lowbit_sim_switch
  .hidden lowbit_sim_switch
  .type lowbit_sim_switch, @function
lowbit_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size lowbit_sim_switch, .-lowbit_sim_switch

  .p2align 4
  .globl lowbit_sim_begin
  .hidden lowbit_sim_begin
  .type lowbit_sim_begin, @function
lowbit_sim_begin:
  movq %r12, %rdi
  callq *%r13
  ud2
  .size lowbit_sim_begin, .-lowbit_sim_begin
)");
#elif defined(__aarch64__)
asm(R"(
  .text
  .p2align 4
  .globl lowbit_sim_switch
  .hidden lowbit_sim_switch
  .type lowbit_sim_switch, %function
lowbit_sim_switch:
  sub sp, sp, #160
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
  .size lowbit_sim_switch, .-lowbit_sim_switch

  .p2align 4
  .globl lowbit_sim_begin
  .hidden lowbit_sim_begin
  .type lowbit_sim_begin, %function
lowbit_sim_begin:
  mov x0, x19
  blr x20
  brk #1
  .size lowbit_sim_begin, .-lowbit_sim_begin
)");
#endif

extern "C" {
void lowbit_sim_switch(void **from, void *to);
void lowbit_sim_begin();
}

namespace mlir::lowbit::sim {

#ifdef LOWBIT_SIM_UCONTEXT

static void enter(unsigned entryHigh, unsigned entryLow, unsigned argumentHigh, unsigned argumentLow) {
  auto join = [](unsigned high, unsigned low) { return static_cast<uintptr_t>(static_cast<uint64_t>(high) << 32 | low); };
  reinterpret_cast<Fiber::Entry>(join(entryHigh, entryLow))(reinterpret_cast<void *>(join(argumentHigh, argumentLow)));
}

void Fiber::prepare(uint8_t *stackBegin, uint8_t *stackEnd, Entry entry, void *argument) {
  getcontext(&context);
  context.uc_stack.ss_sp = stackBegin;
  context.uc_stack.ss_size = stackEnd - stackBegin;
  context.uc_link = nullptr;
  const uint64_t code = reinterpret_cast<uintptr_t>(entry), data = reinterpret_cast<uintptr_t>(argument);
  makecontext(&context, reinterpret_cast<void (*)()>(enter), 4, static_cast<unsigned>(code >> 32), static_cast<unsigned>(code),
              static_cast<unsigned>(data >> 32), static_cast<unsigned>(data));
}

void Fiber::change(Fiber &from, const Fiber &to) { swapcontext(&from.context, &to.context); }

#else

void Fiber::prepare(uint8_t *, uint8_t *stackEnd, Entry entry, void *argument) {
#if defined(__x86_64__)
  // r15, r14, r13, r12, rbx, rbp, return address; the stack is aligned to 16 once all are taken off.
  void **words = reinterpret_cast<void **>(stackEnd - 64) + 1;
  std::memset(words, 0, 56);
  words[2] = reinterpret_cast<void *>(entry);
  words[3] = argument;
  words[6] = reinterpret_cast<void *>(&lowbit_sim_begin);
#else
  void **words = reinterpret_cast<void **>(stackEnd - 160);
  std::memset(words, 0, 160);
  words[0] = argument;
  words[1] = reinterpret_cast<void *>(entry);
  words[11] = reinterpret_cast<void *>(&lowbit_sim_begin);
#endif
  stackPointer = words;
}

void Fiber::change(Fiber &from, const Fiber &to) { lowbit_sim_switch(&from.stackPointer, to.stackPointer); }

#endif

bool Stacks::reserve(unsigned count) {
  while (chunks.size() * kChunk < count) {
    void *memory = mmap(nullptr, kChunk * kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      return false;
    auto *chunk = static_cast<uint8_t *>(memory);
    for (unsigned i = 0; i < kChunk; ++i)
      mprotect(chunk + i * kBytes, 4096, PROT_NONE);
    chunks.push_back(chunk);
  }
  return true;
}

Stacks::~Stacks() {
  for (uint8_t *chunk : chunks)
    munmap(chunk, kChunk * kBytes);
}

} // namespace mlir::lowbit::sim
