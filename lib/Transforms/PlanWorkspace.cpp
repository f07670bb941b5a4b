//===- PlanWorkspace.cpp - all buffers of a function in one ---------------===//
// Law: two buffers share bytes only if no op runs while both hold something; buffers of iterations that run at once never share.

#include "BufferLiveness.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Pipelines/RecordSignatures.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PLANWORKSPACEPASS
#include "lowbit/Transforms/Passes.h.inc"

/// A cache line, and the widest vector.
static constexpr int64_t alignment = 64;

namespace {
/// A buffer with its place.
struct Buffer {
  memref::AllocOp alloc;
  LiveRange range;
  int64_t bytes, offset = 0;
};
} // namespace

/// Places the largest first, each at the lowest address that is free while it lives. Returns the bytes of all.
static int64_t placeBuffers(MutableArrayRef<Buffer> buffers) {
  SmallVector<Buffer *> bySize = llvm::to_vector(llvm::make_pointer_range(buffers));
  llvm::sort(bySize, [](const Buffer *a, const Buffer *b) {
    return std::tuple(-a->bytes, a->range.begin, a) < std::tuple(-b->bytes, b->range.begin, b); // elements of one array
  });
  SmallVector<Buffer *> placed; // by offset
  int64_t total = 0;
  for (Buffer *buffer : bySize) {
    int64_t offset = 0;
    for (const Buffer *other : placed)
      if (other->range.overlaps(buffer->range)) {
        if (offset + buffer->bytes <= other->offset)
          break;
        offset = std::max(offset, other->offset + other->bytes);
      }
    buffer->offset = offset;
    total = std::max(total, offset + buffer->bytes);
    placed.insert(llvm::upper_bound(placed, buffer, [](const Buffer *a, const Buffer *b) { return a->offset < b->offset; }), buffer);
  }
  return total;
}

/// Whether ops of these kinds around an allocation are understood: loops, branches, and loops over threads.
static bool isUnderstood(Operation *op) {
  if (isa<scf::ForallOp, scf::InParallelOp, affine::AffineParallelOp>(op))
    return false;
  return isa<scf::SCFDialect, affine::AffineDialect>(op->getDialect()) || isa<memref::AllocaScopeOp>(op);
}

namespace {
/// Plans one entry point.
class Planner {
public:
  explicit Planner(func::FuncOp function) : function(function) {}

  void run() {
    // Loops over threads from the inside out: what their iterations need becomes one buffer of the place around them.
    SmallVector<scf::ParallelOp> loops;
    function.walk([&](scf::ParallelOp loop) { loops.push_back(loop); });
    for (scf::ParallelOp loop : loops)
      plan(loop);
    planFunction();
  }

private:
  std::optional<int64_t> getBytes(memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    if (!type.hasStaticShape() || !type.getLayout().isIdentity() || type.getMemorySpace() || !alloc.getSymbolOperands().empty())
      return std::nullopt;
    if (alloc.getAlignment().value_or(1) > alignment)
      return std::nullopt;
    int64_t element = DataLayout::closest(alloc).getTypeSize(type.getElementType()).getFixedValue();
    return llvm::alignTo(element * type.getNumElements(), alignment);
  }

  void refuse(memref::AllocOp alloc, StringRef reason) {
    remark::missed(alloc.getLoc(), getRemarkOptions("workspace", function))
        << remark::add("a buffer is allocated at every call") << remark::reason("{0}", reason);
  }

  /// The allocations right below `scope`, a loop over threads or the function, that can be placed.
  SmallVector<Buffer> collect(Operation *scope, const BufferLiveness &liveness) {
    SmallVector<Buffer> buffers;
    scope->walk([&](memref::AllocOp alloc) {
      Operation *around = alloc->getParentOp();
      while (around != scope && isUnderstood(around) && !isa<scf::ParallelOp>(around))
        around = around->getParentOp();
      std::string reason;
      std::optional<int64_t> bytes = getBytes(alloc);
      if (around != scope) {
        if (scope == function && !isa<scf::ParallelOp>(around)) // of loops over threads it was said when they were planned
          refuse(alloc, "it is inside of `" + around->getName().getStringRef().str() + "`");
        return;
      }
      if (!bytes)
        return refuse(alloc, "its size, layout or alignment is not one that is known and plain");
      FailureOr<LiveRange> range = liveness.getRange(alloc, reason);
      if (failed(range))
        return refuse(alloc, reason);
      buffers.push_back({alloc, *range, *bytes});
    });
    dropSharedDeallocs(buffers, liveness);
    return buffers;
  }

  /// What is freed together with a buffer that has no place must be freed still.
  void dropSharedDeallocs(SmallVectorImpl<Buffer> &buffers, const BufferLiveness &liveness) {
    DenseSet<Value> planned;
    for (Buffer &buffer : buffers)
      planned.insert(buffer.alloc);
    auto isShared = [&](const Buffer &buffer) {
      return llvm::any_of(liveness.getDeallocs(buffer.alloc), [&](memref::DeallocOp dealloc) {
        return !llvm::all_of(liveness.getOrigins(dealloc), [&](Value origin) { return planned.contains(origin); });
      });
    };
    for (auto *it = llvm::find_if(buffers, isShared); it != buffers.end(); it = llvm::find_if(buffers, isShared)) {
      refuse(it->alloc, "it is freed where another buffer may be");
      planned.erase(it->alloc);
      buffers.erase(it);
    }
  }

  void plan(scf::ParallelOp loop) {
    if (!loop->walk([](memref::AllocOp) { return WalkResult::interrupt(); }).wasInterrupted())
      return;
    BufferLiveness liveness(function);
    SmallVector<Buffer> buffers = collect(loop, liveness);
    if (buffers.empty())
      return;
    std::optional<int64_t> iterations = countIterations(loop);
    if (!iterations) {
      for (const Buffer &buffer : buffers)
        refuse(buffer.alloc, "how many iterations run at once is not known");
      return;
    }
    int64_t bytes = placeBuffers(buffers);
    OpBuilder builder(loop);
    auto type = MemRefType::get({bytes * *iterations}, builder.getI8Type());
    Value area = memref::AllocOp::create(builder, loop.getLoc(), type, builder.getI64IntegerAttr(alignment));
    builder.setInsertionPointToStart(loop.getBody());
    replace(buffers, liveness, area, getIterationOffset(builder, loop, bytes));
  }

  void planFunction() {
    BufferLiveness liveness(function);
    SmallVector<Buffer> buffers = collect(function, liveness);
    if (buffers.empty())
      return;
    int64_t bytes = std::max(placeBuffers(buffers), alignment);
    Builder builder(function.getContext());
    unsigned last = function.getNumArguments();
    NamedAttrList attrs;
    attrs.set("lowbit.workspace", builder.getUnitAttr());
    if (failed(function.insertArgument(last, MemRefType::get({bytes}, builder.getI8Type()), attrs.getDictionary(function.getContext()),
                                       function.getLoc())))
      return;
    replace(buffers, liveness, function.getArgument(last), Value());
    NamedAttrList signature(function->getAttrOfType<DictionaryAttr>(signatureAttrName));
    signature.set("workspace", builder.getI64IntegerAttr(bytes));
    function->setAttr(signatureAttrName, signature.getDictionary(function.getContext()));
    remark::passed(function.getLoc(), getRemarkOptions("workspace", function))
        << remark::metric("bytes", bytes) << remark::metric("buffers", buffers.size());
  }

  /// Makes views of `area`, from `base` on if there is one, of the buffers.
  void replace(ArrayRef<Buffer> buffers, const BufferLiveness &liveness, Value area, Value base) {
    DenseSet<Operation *> deallocs;
    for (const Buffer &buffer : buffers)
      for (memref::DeallocOp dealloc : liveness.getDeallocs(buffer.alloc))
        deallocs.insert(dealloc);
    for (Operation *dealloc : deallocs)
      dealloc->erase();
    for (const Buffer &buffer : buffers) {
      memref::AllocOp alloc = buffer.alloc;
      OpBuilder builder(alloc);
      Value offset = arith::ConstantIndexOp::create(builder, alloc.getLoc(), buffer.offset);
      if (base)
        offset = arith::AddIOp::create(builder, alloc.getLoc(), base, offset);
      Value view = memref::ViewOp::create(builder, alloc.getLoc(), alloc.getType(), area, offset, ValueRange());
      alloc.replaceAllUsesWith(view);
      alloc.erase();
    }
  }

  static std::optional<int64_t> countIterations(scf::ParallelOp loop) {
    std::optional<SmallVector<OpFoldResult>> lower = loop.getLoopLowerBounds(), upper = loop.getLoopUpperBounds(),
                                             steps = loop.getLoopSteps();
    int64_t product = 1;
    for (auto [begin, end, step] : llvm::zip_equal(*lower, *upper, *steps)) {
      std::optional<int64_t> first = getConstantIntValue(begin), last = getConstantIntValue(end), by = getConstantIntValue(step);
      if (!first || !last || !by || *by <= 0)
        return std::nullopt;
      product *= std::max<int64_t>(1, llvm::divideCeil(*last - *first, *by));
    }
    return product;
  }

  /// Where the place of one iteration begins: `bytes` times its number, the innermost variable counting fastest.
  static Value getIterationOffset(OpBuilder &builder, scf::ParallelOp loop, int64_t bytes) {
    AffineExpr number = builder.getAffineConstantExpr(0);
    for (auto [i, bounds] : llvm::enumerate(llvm::zip_equal(loop.getLowerBound(), loop.getUpperBound(), loop.getStep()))) {
      auto [begin, end, step] = bounds;
      int64_t first = *getConstantIntValue(begin), by = *getConstantIntValue(step);
      number = number * llvm::divideCeil(*getConstantIntValue(end) - first, by) + (builder.getAffineDimExpr(i) - first).floorDiv(by);
    }
    AffineMap map = AffineMap::get(loop.getNumLoops(), 0, number * bytes);
    return affine::AffineApplyOp::create(builder, loop.getLoc(), map, ValueRange(loop.getInductionVars()));
  }

  func::FuncOp function;
};

struct PlanWorkspacePass final : impl::PlanWorkspacePassBase<PlanWorkspacePass> {
  void runOnOperation() override {
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (function.isPublic() && !function.isExternal())
        Planner(function).run();
  }
};
} // namespace
} // namespace mlir::lowbit
