//===- Traffic.cpp - what a launch reads and writes -----------------------===//
// Law: a buffer is counted once, and never with more than all of it.

#include "lowbit/GPU/Traffic.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::lowbit {

/// Elements of a buffer; nothing where a size is not known.
static std::optional<int64_t> countElements(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  return type.hasStaticShape() ? std::optional(type.getNumElements()) : std::nullopt;
}

static std::optional<int64_t> multiply(std::optional<int64_t> left, std::optional<int64_t> right) {
  return left && right ? std::optional(*left * *right) : std::nullopt;
}

namespace {
/// Buffers from outside of `top`, with the elements that are read of them, or written.
class Traffic {
public:
  explicit Traffic(Operation *top) : top(top) {
    top->walk([&](Operation *op) {
      if (auto load = dyn_cast<memref::LoadOp>(op))
        return note(reads, load.getMemref(), countRuns(op));
      auto writer = dyn_cast<DestinationStyleOpInterface>(op);
      if (!writer)
        return;
      auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      for (OpOperand &operand : op->getOpOperands()) {
        if (!isa<MemRefType>(operand.get().getType()))
          continue;
        std::optional<int64_t> elements = multiply(countElements(operand.get()), countRuns(op));
        bool isInit = writer.isDpsInit(&operand);
        if (linalgOp ? linalgOp.payloadUsesValueFromOperand(&operand) : !isInit)
          note(reads, operand.get(), elements);
        if (isInit)
          note(writes, operand.get(), elements);
      }
    });
  }

  ArrayAttr describeReads() { return describe(reads); }
  ArrayAttr describeWrites() { return describe(writes); }

private:
  /// Each access to a view of a buffer once.
  struct Accesses {
    SmallVector<Value> views;
    std::optional<int64_t> elements = 0;
  };
  using Buffers = llvm::MapVector<Value, Accesses>;

  void note(Buffers &buffers, Value view, std::optional<int64_t> elements) {
    Value buffer = view;
    while (Operation *producer = buffer.getDefiningOp()) {
      auto viewLike = dyn_cast<ViewLikeOpInterface>(producer);
      if (!viewLike || !top->isProperAncestor(producer))
        break;
      buffer = viewLike.getViewSource();
    }
    if (top->isAncestor(buffer.getParentRegion()->getParentOp()))
      return; // of the kernel's own
    auto written = writes.find(buffer);
    if (&buffers == &reads && written != writes.end() && isa<scf::ForallOp>(top) && llvm::is_contained(written->second.views, view))
      return; // a row that the kernel still has in registers
    Accesses &accesses = buffers[buffer];
    if (llvm::is_contained(accesses.views, view))
      return;
    accesses.views.push_back(view);
    accesses.elements = accesses.elements && elements ? std::optional(*accesses.elements + *elements) : std::nullopt;
  }

  /// How often loops over rows, and the loops of linalg ops that `op` is within, run it.
  std::optional<int64_t> countRuns(Operation *op) {
    std::optional<int64_t> runs = 1;
    for (Operation *parent = op; parent != top;) {
      parent = parent->getParentOp();
      if (auto loop = dyn_cast<scf::ForallOp>(parent)) {
        for (auto [lower, upper, step] : llvm::zip_equal(loop.getStaticLowerBound(), loop.getStaticUpperBound(), loop.getStaticStep()))
          runs = ShapedType::isDynamic(lower) || ShapedType::isDynamic(upper) || ShapedType::isDynamic(step)
                     ? std::nullopt
                     : multiply(runs, llvm::divideCeil(upper - lower, step));
      } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(parent)) {
        for (int64_t size : linalgOp.getStaticLoopRanges())
          runs = ShapedType::isDynamic(size) ? std::nullopt : multiply(runs, size);
      }
    }
    return runs;
  }

  ArrayAttr describe(Buffers &buffers) {
    Builder b(top->getContext());
    SmallVector<Attribute> attributes;
    for (auto &[buffer, accesses] : buffers) {
      auto type = cast<MemRefType>(buffer.getType());
      SmallVector<NamedAttribute> entry;
      if (std::optional<int64_t> all = countElements(buffer)) {
        int64_t elements = accesses.elements ? std::min(*all, *accesses.elements) : *all;
        entry.push_back(b.getNamedAttr("bytes", b.getI64IntegerAttr(elements * llvm::divideCeil(type.getElementTypeBitWidth(), 8))));
      }
      entry.push_back(b.getNamedAttr("type", TypeAttr::get(MemRefType::get(type.getShape(), type.getElementType()))));
      attributes.push_back(b.getDictionaryAttr(entry));
    }
    return b.getArrayAttr(attributes);
  }

  Operation *top;
  Buffers reads, writes;
};
} // namespace

void noteTraffic(gpu::LaunchFuncOp launch, Operation *op) {
  Traffic traffic(op);
  launch->setAttr(readsAttrName, traffic.describeReads());
  launch->setAttr(writesAttrName, traffic.describeWrites());
}

} // namespace mlir::lowbit
