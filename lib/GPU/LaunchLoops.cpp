//===- LaunchLoops.cpp - what is no product of integers, on the device ----===//
// Law: an element of a result is computed by the ops of the region in the order of the host's loops, unless that order makes no difference.

#include "ElementAccess.h"
#include "KernelModule.h"
#include "LoopOrder.h"
#include "WarpReduce.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LAUNCHLOOPSPASS
#include "lowbit/GPU/Passes.h.inc"

static constexpr int64_t threadsPerBlock = 256, warp = 32;

namespace {
/// One op with what its kernel takes: buffers, and values from around it.
struct LoopOp {
  linalg::LinalgOp op;
  SmallVector<Value> captured; ///< Not constant; buffers among them.
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> parallel, reductions;
  SmallVector<Operation *> combiners; ///< Of each result, where a warp shares the reduction; else none.

  static FailureOr<LoopOp> find(linalg::LinalgOp op, bool hasShuffle);
  int64_t getElements() const { return countElements(sizes, parallel); }
  int64_t getReduced() const { return countElements(sizes, reductions); }
  bool isShared() const { return !combiners.empty(); }
  int64_t getThreads() const { return isShared() ? getElements() * warp : getElements(); }
};
} // namespace

FailureOr<LoopOp> LoopOp::find(linalg::LinalgOp op, bool hasShuffle) {
  LoopOp loops{op, getCapturedValues(op->getRegions()), op.getStaticLoopRanges(), {}, {}, {}};
  if (llvm::any_of(loops.sizes, ShapedType::isDynamic))
    return op.emitOpError("has a loop of dynamic size; expected sizes that are known, as kernels have them as constants");
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(loops.captured)))
    if (auto type = dyn_cast<MemRefType>(value.getType())) {
      auto [strides, offset] = type.getStridesAndOffset();
      if (llvm::any_of(strides, ShapedType::isDynamic) || !type.getElementType().isIntOrFloat())
        return op.emitOpError() << "has an operand of type " << type << "; expected known strides, and integers or floats as elements";
    }
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
    (iterator == utils::IteratorType::parallel ? loops.parallel : loops.reductions).push_back(loop);
  SumOrder order = hasShuffle ? findLoopOrder(op) : SumOrder();
  if (failed(verifySumOrder(op, order)))
    return failure();
  if (!order.isPlain())
    for (unsigned i = 0; i < static_cast<unsigned>(op.getNumDpsInits()); ++i)
      loops.combiners.push_back(findCombiner(op, i));
  if (constexpr int64_t most = std::numeric_limits<int32_t>::max(); loops.getThreads() > most)
    return op.emitOpError() << "takes " << loops.getThreads() << " threads; expected at most " << most
                            << ", as they are counted in 32 bits";
  return loops;
}

namespace {
/// Writes the kernel of one op.
class Emitter {
public:
  Emitter(KernelBuilder &b, const LoopOp &loops, ValueRange arguments) : b(b), loops(loops), op(loops.op) {
    for (auto [value, argument] : llvm::zip(op->getOperands(), arguments))
      pointers.push_back(fromArgument(value, argument));
    for (auto [value, argument] : llvm::zip(loops.captured, arguments.drop_front(op->getNumOperands()))) {
      if (isa<MemRefType>(value.getType()))
        buffers[value] = argument;
      else
        outer.map(value, fromArgument(value, argument));
    }
  }

  void emit() {
    Value id = b.add(b.mul(b.blockId(), threadsPerBlock), b.threadId());
    Value place = loops.isShared() ? b.div(id, warp) : id;
    b.when(b.lessThan(place, b.i32(loops.getElements())), [&] {
      indices.assign(loops.sizes.size(), Value());
      enter(loops.parallel, place);
      loops.isShared() ? emitShared(b.rem(id, warp)) : emitAlone();
    });
  }

  /// A scalar as launches take it: no argument is a float of 8 bits or fewer, but what its bits are.
  static Value toArgument(KernelBuilder &b, Value scalar) {
    if (!isa<FloatType>(scalar.getType()) || scalar.getType().getIntOrFloatBitWidth() > 8)
      return scalar;
    return arith::BitcastOp::create(b, b.getIntegerType(scalar.getType().getIntOrFloatBitWidth()), scalar);
  }

private:
  Value fromArgument(Value value, Value argument) {
    bool isSame = isa<MemRefType>(value.getType()) || value.getType() == argument.getType();
    return isSame ? argument : arith::BitcastOp::create(b, value.getType(), argument).getResult();
  }

  void emitAlone() {
    SmallVector<Value> sums;
    for (OpOperand &init : op.getDpsInitsMutable())
      sums.push_back(!loops.reductions.empty() || op.payloadUsesValueFromOperand(&init) ? load(init) : Value());
    SmallVector<Value> results = emitReductions(0, sums);
    store(results);
  }

  /// The loops over the reductions from `depth` on, around the region.
  SmallVector<Value> emitReductions(unsigned depth, SmallVector<Value> sums) {
    if (depth == loops.reductions.size())
      return emitRegion(sums);
    unsigned loop = loops.reductions[depth];
    return b.loop(b.i32(0), b.i32(loops.sizes[loop]), 1, sums, [&](Value index, ValueRange carried) {
      indices[loop] = index;
      return emitReductions(depth + 1, llvm::to_vector(carried));
    });
  }

  /// Enters `nest`, counted as one loop, at `place`.
  void enter(ArrayRef<unsigned> nest, Value place) {
    SmallVector<int64_t> sizes = llvm::map_to_vector(nest, [&](unsigned loop) { return loops.sizes[loop]; });
    for (auto [loop, index] : llvm::zip_equal(nest, b.takeApart(place, sizes)))
      indices[loop] = index;
  }

  /// Each lane combines every 32nd element; then lanes combine what they have, half of them with the other half.
  void emitShared(Value lane) {
    // The first element of each lane starts its sum.
    enter(loops.reductions, lane);
    SmallVector<Value> sums = joinElements({});
    sums = b.loop(b.add(lane, warp), b.i32(loops.getReduced()), warp, sums, [&](Value index, ValueRange carried) {
      enter(loops.reductions, index);
      return joinElements(llvm::to_vector(carried));
    });
    for (int64_t distance = warp / 2; distance > 0; distance /= 2)
      for (size_t i = 0; i < sums.size(); ++i)
        sums[i] = combine(i, sums[i], exchangeLanes(b, sums[i], distance));
    b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.i32(0)), [&] {
      for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
        sums[i] = combine(i, load(init), sums[i]);
      store(sums);
    });
  }

  Value combine(size_t result, Value before, Value element) {
    return buildCombined(b, loops.combiners[result], op.getRegionOutputArgs()[result], before, element);
  }

  Value getOffset(MemRefType type, ArrayRef<Value> places) {
    return getElementOffset(b, type.getElementType(), type.getStridesAndOffset().first, places);
  }

  Value getAddress(OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<Value> places = llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return evaluate(b, expr, indices); });
    return b.offset(pointers[operand.getOperandNumber()], getOffset(cast<MemRefType>(operand.get().getType()), places));
  }

  Value load(OpOperand &operand) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    return type ? loadElement(b, type.getElementType(), getAddress(operand)) : pointers[operand.getOperandNumber()];
  }

  void store(ArrayRef<Value> values) {
    for (auto [init, value] : llvm::zip(op.getDpsInitsMutable(), values))
      storeElement(b, value, getAddress(init));
  }

  /// What the region yields for these values of the results.
  SmallVector<Value> emitRegion(ArrayRef<Value> sums) {
    IRMapping mapping = cloneBody(sums, {});
    return llvm::map_to_vector(op.getBlock()->getTerminator()->getOperands(), [&](Value value) { return resolve(value, mapping); });
  }

  /// What the combiners make of the next elements and of `sums`, if there are any.
  SmallVector<Value> joinElements(ArrayRef<Value> sums) {
    IRMapping mapping = cloneBody({}, loops.combiners);
    SmallVector<Value> joined;
    for (auto [i, combiner] : llvm::enumerate(loops.combiners))
      joined.push_back(join(b, combiner, op.getRegionOutputArgs()[i], sums.empty() ? Value() : sums[i],
                            [&](Value value) { return resolve(value, mapping); }));
    return joined;
  }

  /// A value of the region, or a constant from around it.
  Value resolve(Value value, IRMapping &mapping) {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    Value copy = b.clone(*value.getDefiningOp())->getResult(cast<OpResult>(value).getResultNumber());
    mapping.map(value, copy);
    return copy;
  }

  IRMapping cloneBody(ArrayRef<Value> sums, ArrayRef<Operation *> left) {
    IRMapping mapping(outer);
    for (OpOperand *input : op.getDpsInputOperands())
      if (op.payloadUsesValueFromOperand(input))
        mapping.map(op.getMatchingBlockArgument(input), load(*input));
    for (auto [argument, sum] : llvm::zip(op.getRegionOutputArgs(), sums))
      if (sum)
        mapping.map(argument, sum);
    for (Operation &nested : op.getBlock()->without_terminator())
      if (!llvm::is_contained(left, &nested))
        cloneOp(nested, mapping);
    return mapping;
  }

  void cloneOp(Operation &nested, IRMapping &mapping) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested)) {
      mapping.map(index.getResult(), arith::IndexCastUIOp::create(b, b.getIndexType(), indices[index.getDim()]));
      return;
    }
    for (Value operand : nested.getOperands())
      if (!isa<MemRefType>(operand.getType()))
        resolve(operand, mapping);
    if (auto read = dyn_cast<memref::LoadOp>(nested)) {
      SmallVector<Value> places = llvm::map_to_vector(read.getIndices(), [&](Value index) { return b.toI32(mapping.lookup(index)); });
      Value address = b.offset(buffers.lookup(read.getMemref()), getOffset(read.getMemRefType(), places));
      mapping.map(read.getResult(), loadElement(b, read.getType(), address));
      return;
    }
    // Constants that nested regions use from around the op.
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(nested.getRegions(), used);
    for (Value value : used)
      resolve(value, mapping);
    b.clone(nested, mapping);
  }

  KernelBuilder &b;
  const LoopOp &loops;
  linalg::LinalgOp op;
  SmallVector<Value> pointers; ///< Of each operand; a scalar itself.
  DenseMap<Value, Value> buffers;
  IRMapping outer;
  SmallVector<Value> indices; ///< Of each loop, i32.
};

struct LaunchLoopsPass final : impl::LaunchLoopsPassBase<LaunchLoopsPass> {
  using LaunchLoopsPassBase::LaunchLoopsPassBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp copy : copies) {
      rewriter.setInsertionPoint(copy);
      rewriter.replaceOpWithNewOp<linalg::CopyOp>(copy, copy.getSource(), copy.getTarget());
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    KernelModule kernels(getOperation());
    QuantTargetAttrInterface target = getTarget(getOperation());
    bool hasShuffle = !target || !target.getGPU() || target.getGPU()->hasShuffle;
    for (linalg::LinalgOp op : ops)
      if (failed(launch(op, kernels, hasShuffle)))
        return signalPassFailure();
  }

private:
  static LogicalResult launch(linalg::LinalgOp op, KernelModule &kernels, bool hasShuffle) {
    if (op->getNumOperands() != 0 && !op.hasPureBufferSemantics()) // one without operands asserts what it reads from around it
      return op.emitOpError("is on tensors; expected buffers");
    FailureOr<LoopOp> loops = LoopOp::find(op, hasShuffle);
    if (failed(loops))
      return failure();
    KernelBuilder host(op.getLoc(), op);
    SmallVector<Value> values;
    for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(loops->captured)))
      values.push_back(isa<MemRefType>(value.getType()) ? getBufferPointer(host, value) : Emitter::toArgument(host, value));
    gpu::GPUFuncOp function =
        kernels.get(getText(*loops), "loops", op.getLoc(), ValueRange(values).getTypes(), {}, threadsPerBlock,
                    [&](KernelBuilder &b, gpu::GPUFuncOp kernel) { Emitter(b, *loops, kernel.getArguments()).emit(); });
    Value one = arith::ConstantIndexOp::create(host, 1);
    Value blocks = arith::ConstantIndexOp::create(host, llvm::divideCeil(loops->getThreads(), threadsPerBlock));
    buildLaunch(host, op, function, blocks, one, /*sharedBytes=*/0, values);
    op->erase();
    return success();
  }

  /// All that the kernel depends on.
  static std::string getText(const LoopOp &loops) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    linalg::LinalgOp op = loops.op;
    for (int64_t size : loops.sizes)
      stream << size << "x";
    stream << loops.parallel.size();
    for (unsigned loop : loops.parallel)
      stream << "," << loop;
    for (auto [operand, map] : llvm::zip(op->getOperands(), op.getIndexingMapsArray()))
      stream << operand.getType() << map;
    for (Value value : loops.captured)
      stream << value.getType();
    describe(*op.getBlock(), stream);
    return text;
  }
};
} // namespace
} // namespace mlir::lowbit
