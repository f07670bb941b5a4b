//===- LoopKernel.cpp - the kernel of an op that is no product -------------===//
// Law: an element of a result is computed by the ops of the region in the order of the host's loops, unless that order makes no difference.

#include "LoopKernel.h"
#include "ElementAccess.h"
#include "WarpReduce.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {

namespace {
/// What neighbours have: one value each.
using Lanes = SmallVector<Value>;

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
    findVarying();
  }

  void emit() {
    Value id = b.add(b.mul(b.blockId(), LoopOp::threadsPerBlock), b.threadId());
    Value place = loops.isShared() ? b.div(id, LoopOp::warp) : id;
    b.when(b.lessThan(place, b.i32(loops.getElements() / loops.neighbours)), [&] {
      indices.assign(loops.sizes.size(), Value());
      enter(loops.parallel, place, loops.neighbours);
      loops.isShared() ? emitShared(b.rem(id, LoopOp::warp)) : emitAlone();
    });
  }

private:
  Value fromArgument(Value value, Value argument) {
    bool isSame = isa<MemRefType>(value.getType()) || value.getType() == argument.getType();
    return isSame ? argument : arith::BitcastOp::create(b, value.getType(), argument).getResult();
  }

  bool isNeighbourLoop(unsigned loop) const { return loops.neighbours > 1 && loop == loops.parallel.back(); }

  /// Values of the region that differ from neighbour to neighbour; others are computed once.
  void findVarying() {
    if (loops.neighbours == 1)
      return;
    for (OpOperand &operand : op->getOpOperands())
      if (op.isDpsInit(&operand) || getStride(operand) != 0)
        varying.insert(op.getMatchingBlockArgument(&operand));
    for (Operation &nested : op.getBlock()->without_terminator()) {
      auto index = dyn_cast<linalg::IndexOp>(nested);
      llvm::SetVector<Value> used;
      getUsedValuesDefinedAbove(nested.getRegions(), used);
      used.insert(nested.operand_begin(), nested.operand_end());
      if ((index && isNeighbourLoop(index.getDim())) || llvm::any_of(used, [&](Value value) { return varying.contains(value); })) {
        varyingOps.insert(&nested);
        varying.insert(nested.result_begin(), nested.result_end());
      }
    }
  }

  void emitAlone() {
    SmallVector<Value> sums; // of all neighbours of one result, then of the next
    for (OpOperand &init : op.getDpsInitsMutable())
      llvm::append_range(sums, !loops.reductions.empty() || op.payloadUsesValueFromOperand(&init) ? load(init) : Lanes(loops.neighbours));
    SmallVector<Value> results = emitReductions(0, sums);
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
      store(init, ArrayRef(results).slice(i * loops.neighbours, loops.neighbours));
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

  /// Enters `nest`, counted as one loop whose last one takes `neighbours` at a time, at `place`.
  void enter(ArrayRef<unsigned> nest, Value place, int64_t neighbours) {
    SmallVector<int64_t> sizes = llvm::map_to_vector(nest, [&](unsigned loop) { return loops.sizes[loop]; });
    if (!sizes.empty())
      sizes.back() /= neighbours;
    for (auto [loop, index] : llvm::zip_equal(nest, b.takeApart(place, sizes)))
      indices[loop] = index;
    if (!nest.empty())
      indices[nest.back()] = b.mul(indices[nest.back()], neighbours);
  }

  /// Each lane combines every 32nd element; then lanes combine what they have, half of them with the other half.
  void emitShared(Value lane) {
    // The first element of each lane starts its sum.
    enter(loops.reductions, lane, 1);
    SmallVector<Value> sums = joinElements({});
    sums = b.loop(b.add(lane, LoopOp::warp), b.i32(loops.getReduced()), LoopOp::warp, sums, [&](Value index, ValueRange carried) {
      enter(loops.reductions, index, 1);
      return joinElements(llvm::to_vector(carried));
    });
    for (int64_t distance = LoopOp::warp / 2; distance > 0; distance /= 2)
      for (size_t i = 0; i < sums.size(); ++i)
        sums[i] = combine(i, sums[i], exchangeLanes(b, sums[i], distance));
    b.when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.i32(0)), [&] {
      for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
        store(init, combine(i, load(init)[0], sums[i]));
    });
  }

  Value combine(size_t result, Value before, Value element) {
    return buildCombined(b, loops.combiners[result], op.getRegionOutputArgs()[result], before, element);
  }

  //===--- elements -------------------------------------------------------===//

  std::optional<int64_t> getStride(OpOperand &operand) { return isa<MemRefType>(operand.get().getType()) ? getAccess(operand).stride : 0; }

  Value getOffset(MemRefType type, ArrayRef<Value> places) {
    return getElementOffset(b, type.getElementType(), type.getStridesAndOffset().first, places);
  }

  Value getAddress(OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<Value> places = llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return evaluate(b, expr, indices); });
    return b.offset(pointers[operand.getOperandNumber()], getOffset(cast<MemRefType>(operand.get().getType()), places));
  }

  /// Where each neighbour's element is. `access` is not aligned.
  Lanes getAddresses(OpOperand &operand, const NeighbourAccess &access) {
    Lanes addresses;
    int64_t bytes = getElementBytes(cast<MemRefType>(operand.get().getType()).getElementType());
    for (int64_t i = 0; i < loops.neighbours; ++i)
      addresses.push_back(i == 0          ? getAddress(operand)
                          : access.stride ? b.offset(addresses[0], i * *access.stride * bytes)
                                          : atNeighbour(i, [&] { return getAddress(operand); }));
    return addresses;
  }

  Value atNeighbour(int64_t neighbour, function_ref<Value()> build) {
    Value first = indices[loops.parallel.back()];
    indices[loops.parallel.back()] = b.add(first, neighbour);
    Value built = build();
    indices[loops.parallel.back()] = first;
    return built;
  }

  NeighbourAccess getAccess(OpOperand &operand) {
    auto type = cast<MemRefType>(operand.get().getType());
    unsigned loop = loops.parallel.empty() ? 0 : loops.parallel.back();
    return NeighbourAccess(type, op.getMatchingIndexingMap(&operand).getResults(), loop, loops.neighbours);
  }

  Lanes load(OpOperand &operand) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      return Lanes(loops.neighbours, pointers[operand.getOperandNumber()]);
    NeighbourAccess access = getAccess(operand);
    if (access.isAligned)
      return b.loadElements(type.getElementType(), getAddress(operand), loops.neighbours);
    if (access.stride == 0)
      return Lanes(loops.neighbours, loadElement(b, type.getElementType(), getAddress(operand)));
    return llvm::map_to_vector(getAddresses(operand, access),
                               [&](Value address) { return loadElement(b, type.getElementType(), address); });
  }

  void store(OpOperand &init, ArrayRef<Value> values) {
    NeighbourAccess access = getAccess(init);
    if (access.isAligned)
      return b.storeElements(values, getAddress(init));
    for (auto [value, address] : llvm::zip_equal(values, getAddresses(init, access)))
      storeElement(b, value, address);
  }

  //===--- the region -----------------------------------------------------===//

  /// What the region yields for these values of the results.
  SmallVector<Value> emitRegion(ArrayRef<Value> sums) {
    SmallVector<IRMapping> mappings = cloneBody(sums, {});
    SmallVector<Value> results;
    for (Value value : op.getBlock()->getTerminator()->getOperands())
      for (IRMapping &mapping : mappings)
        results.push_back(resolve(value, mapping));
    return results;
  }

  /// What the combiners make of the next elements and of `sums`, if there are any.
  SmallVector<Value> joinElements(ArrayRef<Value> sums) {
    IRMapping mapping = cloneBody({}, loops.combiners)[0];
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

  /// The values of each neighbour.
  SmallVector<IRMapping> cloneBody(ArrayRef<Value> sums, ArrayRef<Operation *> left) {
    SmallVector<IRMapping> mappings(loops.neighbours, outer);
    auto mapAll = [&](Value value, ArrayRef<Value> lanes) {
      for (auto [mapping, lane] : llvm::zip_equal(mappings, lanes))
        mapping.map(value, lane);
    };
    for (OpOperand *input : op.getDpsInputOperands())
      if (op.payloadUsesValueFromOperand(input))
        mapAll(op.getMatchingBlockArgument(input), load(*input));
    for (auto [i, argument] : llvm::enumerate(op.getRegionOutputArgs()))
      if (!sums.empty() && sums[i * loops.neighbours])
        mapAll(argument, sums.slice(i * loops.neighbours, loops.neighbours));
    for (Operation &nested : op.getBlock()->without_terminator()) {
      if (llvm::is_contained(left, &nested))
        continue;
      if (auto read = dyn_cast<memref::LoadOp>(nested); read && isRun(read)) {
        mapAll(read.getResult(), b.loadElements(read.getType(), getAddress(read, mappings[0]), loops.neighbours));
        continue;
      }
      bool isVarying = varyingOps.contains(&nested);
      for (int64_t i = 0; i < (isVarying ? loops.neighbours : 1); ++i)
        cloneOp(nested, mappings[i], i);
      if (!isVarying)
        for (Value result : nested.getResults())
          mapAll(result, Lanes(loops.neighbours, mappings[0].lookup(result)));
    }
    return mappings;
  }

  Value getAddress(memref::LoadOp read, IRMapping &mapping) {
    SmallVector<Value> places = llvm::map_to_vector(read.getIndices(), [&](Value index) { return b.toI32(resolve(index, mapping)); });
    return b.offset(buffers.lookup(read.getMemref()), getOffset(read.getMemRefType(), places));
  }

  /// Whether neighbours read what lies next to one another, aligned to all of them: a row of a table.
  bool isRun(memref::LoadOp read) {
    if (loops.neighbours == 1 || read.getIndices().empty())
      return false;
    auto index = read.getIndices().back().getDefiningOp<linalg::IndexOp>();
    if (!index || !isNeighbourLoop(index.getDim()) ||
        llvm::any_of(read.getIndices().drop_back(), [&](Value value) { return varying.contains(value); }))
      return false;
    SmallVector<AffineExpr> places;
    unsigned loop = loops.sizes.size(); // any place but the last one's
    for (unsigned i = 0; i + 1 < read.getIndices().size(); ++i)
      places.push_back(getAffineDimExpr(loop, b.getContext()));
    places.push_back(getAffineDimExpr(index.getDim(), b.getContext()));
    return NeighbourAccess(read.getMemRefType(), places, index.getDim(), loops.neighbours).isAligned;
  }

  void cloneOp(Operation &nested, IRMapping &mapping, int64_t neighbour) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested)) {
      Value place = indices[index.getDim()];
      if (isNeighbourLoop(index.getDim()))
        place = b.add(place, neighbour);
      mapping.map(index.getResult(), arith::IndexCastUIOp::create(b, b.getIndexType(), place));
      return;
    }
    for (Value operand : nested.getOperands())
      if (!isa<MemRefType>(operand.getType()))
        resolve(operand, mapping);
    if (auto read = dyn_cast<memref::LoadOp>(nested)) {
      mapping.map(read.getResult(), loadElement(b, read.getType(), getAddress(read, mapping)));
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
  SmallVector<Value> indices; ///< Of each loop, i32; along neighbours the first one's.
  DenseSet<Value> varying;
  DenseSet<Operation *> varyingOps;
};
} // namespace

void emitLoopKernel(KernelBuilder &b, const LoopOp &loops, ValueRange arguments) { Emitter(b, loops, arguments).emit(); }

Value toLoopArgument(KernelBuilder &b, Value scalar) {
  if (!isa<FloatType>(scalar.getType()) || scalar.getType().getIntOrFloatBitWidth() > 8)
    return scalar;
  return arith::BitcastOp::create(b, b.getIntegerType(scalar.getType().getIntOrFloatBitWidth()), scalar);
}

} // namespace mlir::lowbit
