//===- BufferRing.cpp - buffers between bulk copies and products ----------===//

#include "BufferRing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {

/// Nanoseconds after which a waiting thread looks again by itself.
static constexpr int64_t waitTicks = 10000000;

static void waitFor(KernelBuilder &b, Value barrier, Value parity) {
  NVVM::MBarrierTryWaitParityOp::create(b, barrier, parity, b.i32(waitTicks));
}

void BufferRing::initialize(KernelBuilder &b) const {
  Value one = b.i32(1), all = b.i32(readers);
  for (unsigned stage = 0; stage < stages; ++stage) {
    NVVM::MBarrierInitOp::create(b, b.offset(memory, getFullOffset() + stage * barrierBytes), one, Value());
    NVVM::MBarrierInitOp::create(b, b.offset(memory, getEmptyOffset() + stage * barrierBytes), all, Value());
  }
}

void BufferRing::fenceInitialization(KernelBuilder &b) { NVVM::FenceMbarrierInitOp::create(b); }

RingPlace BufferRing::advance(KernelBuilder &b, RingPlace place) const {
  Value next = b.add(place.stage, 1);
  Value wraps = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, b.i32(stages));
  Value turned = b.bitXor(place.parity, arith::ExtUIOp::create(b, b.getI32Type(), wraps));
  return {b.select(wraps, b.i32(0), next), turned};
}

Value BufferRing::getFullBarrier(KernelBuilder &b, Value stage) const {
  return b.offset(b.offset(memory, getFullOffset()), b.mul(stage, barrierBytes));
}

Value BufferRing::getEmptyBarrier(KernelBuilder &b, Value stage) const {
  return b.offset(b.offset(memory, getEmptyOffset()), b.mul(stage, barrierBytes));
}

void BufferRing::waitUntilFull(KernelBuilder &b, RingPlace place) const { waitFor(b, getFullBarrier(b, place.stage), place.parity); }

void BufferRing::waitUntilEmpty(KernelBuilder &b, RingPlace place) const { waitFor(b, getEmptyBarrier(b, place.stage), place.parity); }

void BufferRing::expect(KernelBuilder &b, Value stage, int64_t bytes) const {
  NVVM::MBarrierArriveExpectTxOp::create(b, TypeRange(), getFullBarrier(b, stage), b.i32(bytes), NVVM::MemScopeKind::CTA, false, Value());
}

void BufferRing::release(KernelBuilder &b, Value stage, Value lane) const {
  Value barrier = getEmptyBarrier(b, stage);
  b.when(b.lessThan(lane, b.i32(1)),
         [&] { NVVM::MBarrierArriveOp::create(b, b.getI64Type(), barrier, Value(), NVVM::MemScopeKind::CTA, false); });
}

} // namespace mlir::lowbit
