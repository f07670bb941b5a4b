//===- RowProduct.cpp - products of halves whose rows a warp has ----------===//
// Law: a copy is read only behind the wait and the barrier for it, and rows of shared memory have no bank conflicts.

#include "RowProduct.h"
#include "MmaInstruction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

namespace mlir::lowbit {

/// Of a copy, and of a row of a matrix that ldmatrix takes.
static constexpr int64_t pieceBytes = 16, halfBytes = 2;

/// Whether rows of the right side run along the columns of the result.
static bool runsAlongColumns(const RowStep &step) {
  AffineMap map = step.op.getMatchingIndexingMap(step.rhs);
  return map.getResults().back() == getAffineDimExpr(*step.column, map.getContext());
}

SharedSide layOutSide(const RowStep &step, int64_t offset) {
  SharedSide side{offset, step.getColumns(), step.sizes[step.serial[0]] * halfBytes, 0, runsAlongColumns(step)};
  if (side.isTransposed) {
    side.rows = step.sizes[step.serial[0]];
    side.rowBytes = step.getColumns() * halfBytes;
  }
  // An odd number of pieces: eight rows in a column of pieces lie in all 32 banks.
  side.pitch = (side.rowBytes / pieceBytes | 1) * pieceBytes;
  return side;
}

RowProducts::RowProducts(KernelBuilder &b, const RowKernel &kernel, RowElements &elements)
    : b(b), kernel(kernel), elements(elements), thread(b.threadId()), lane(b.rem(thread, 32)), shared(b.sharedMemory()) {}

void RowProducts::startCopies() {
  for (const RowStep &step : kernel.steps)
    if (step.kind == RowStepKind::Product) {
      startCopies(step, kernel.sides.find(step.op)->second);
      ++pending;
    }
}

void RowProducts::startCopies(const RowStep &step, const SharedSide &side) {
  RowView view = elements.getView(step.rhs->get());
  AffineMap map = step.op.getMatchingIndexingMap(step.rhs);
  unsigned depth = step.serial[0], along = side.isTransposed ? *step.column : depth, across = side.isTransposed ? depth : *step.column;
  unsigned last = *map.getResultPosition(getAffineDimExpr(along, map.getContext()));
  int64_t multiple = std::gcd(view.alignment, pieceBytes / halfBytes);
  for (auto [i, stride] : llvm::enumerate(view.strides))
    if (i != last)
      multiple = std::gcd(multiple, stride);
  bool isAligned = multiple == pieceBytes / halfBytes && view.strides[last] == 1;
  // Where rows begin anywhere, elements are copied one by one.
  int64_t bytes = isAligned ? pieceBytes : halfBytes, perRow = side.rowBytes / bytes, count = side.rows * perRow;
  Type half = view.element;
  auto copy = [&](Value index) {
    Value row = b.div(index, perRow), piece = b.rem(index, perRow);
    LoopIndices indices = elements.startIndices(step);
    indices[across] = row;
    indices[along] = b.mul(piece, bytes / halfBytes);
    Value source = elements.getAddress(view, map, indices);
    Value target = b.offset(shared, b.add(b.add(b.mul(row, side.pitch), b.mul(piece, bytes)), side.offset));
    if (isAligned)
      NVVM::CpAsyncOp::create(b, target, source, static_cast<uint32_t>(pieceBytes), NVVM::LoadCacheModifierKind::CG, Value());
    else
      b.store(b.load(half, source, halfBytes), target, halfBytes);
  };
  int64_t threads = kernel.getThreads(), whole = count - count % threads;
  if (whole != 0)
    b.loop(thread, b.add(thread, whole), threads, {}, [&](Value index, ValueRange) -> SmallVector<Value> {
      copy(index);
      return {};
    });
  if (whole != count)
    b.when(b.lessThan(thread, b.i32(count - whole)), [&] { copy(b.add(thread, whole)); });
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void RowProducts::wait() {
  NVVM::CpAsyncWaitGroupOp::create(b, --pending);
  gpu::BarrierOp::create(b);
}

SmallVector<Value> RowProducts::loadLeft(const RowStep &step, ArrayRef<Value> rows) {
  RowView view = elements.getView(step.lhs->get());
  AffineMap map = step.op.getMatchingIndexingMap(step.lhs);
  unsigned depth = step.serial[0];
  unsigned axis = *map.getResultPosition(getAffineDimExpr(depth, map.getContext()));
  int64_t stride = view.strides[axis], multiple = view.alignment;
  for (auto [i, other] : llvm::enumerate(view.strides))
    if (i != axis)
      multiple = std::gcd(multiple, other);
  bool isAligned = multiple % 2 == 0;
  SmallVector<Value> starts;
  for (Value row : rows) {
    LoopIndices indices = elements.startIndices(step);
    indices[step.row] = row;
    indices[depth] = b.mul(b.rem(lane, 4), 2);
    starts.push_back(elements.getAddress(view, map, indices));
  }
  SmallVector<Value> registers;
  for (int64_t begin = 0; begin < step.sizes[depth]; begin += 16)
    for (int64_t half = 0; half < 2; ++half)
      for (Value start : starts) {
        Value address = b.offset(start, (begin + 8 * half) * stride * halfBytes);
        llvm::append_range(registers, packLeft(elements.loadNeighbours(view, address, stride, 2, isAligned), 0));
      }
  return registers;
}

/// Two halves beside one another; what was made from f32 is made so by one instruction for both.
static Value buildPair(KernelBuilder &b, Value low, Value high) {
  auto type = VectorType::get({2}, low.getType());
  auto first = low.getDefiningOp<arith::TruncFOp>(), second = high.getDefiningOp<arith::TruncFOp>();
  if (!first || !second || !first.getIn().getType().isF32() || !second.getIn().getType().isF32())
    return vector::FromElementsOp::create(b, type, ValueRange{low, high});
  Value wide = vector::FromElementsOp::create(b, VectorType::get({2}, b.getF32Type()), ValueRange{first.getIn(), second.getIn()});
  return arith::TruncFOp::create(b, type, wide);
}

SmallVector<Value> RowProducts::packLeft(ArrayRef<Value> values, int64_t depth) {
  auto pack = [&](Value low, Value high) -> Value {
    Value pair = buildPair(b, low, high);
    if (low.getType().isF16())
      return pair;
    return vector::ExtractOp::create(b, vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), pair), 0);
  };
  if (depth == 0)
    return {pack(values[0], values[1])};
  int64_t perRow = values.size() / 2;
  SmallVector<Value> registers;
  for (int64_t begin = 0; begin < perRow; begin += 4)
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t row = 0; row < 2; ++row) {
        int64_t at = row * perRow + begin + 2 * half;
        registers.push_back(pack(values[at], values[at + 1]));
      }
  return registers;
}

void RowProducts::multiply(const RowStep &step, ArrayRef<Value> left, MutableArrayRef<Value> sums) {
  const SharedSide &side = kernel.sides.find(step.op)->second;
  int64_t depth = step.sizes[step.serial[0]], columns = step.getColumns(), perRow = columns / 4;
  // Four matrices: 16 of the reduction by 16 columns; two where only 8 columns are left.
  Value low = b.rem(lane, 8), second = b.rem(b.div(lane, 8), 2), third = b.div(lane, 16);
  Value row = side.isTransposed ? b.add(low, b.mul(second, 8)) : b.add(low, b.mul(third, 8));
  Value piece = side.isTransposed ? third : second;
  Value start = b.offset(shared, b.add(b.add(b.mul(row, side.pitch), b.mul(piece, pieceBytes)), side.offset));
  Type f32 = b.getF32Type();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
  bool isBF16 = elements.getView(step.rhs->get()).element.isBF16();
  NVVM::MMATypes element = isBF16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  auto asRegister = [&](Value word) -> Value {
    if (isBF16)
      return word;
    Value flat = vector::FromElementsOp::create(b, VectorType::get({1}, b.getI32Type()), word);
    return vector::BitCastOp::create(b, VectorType::get({2}, b.getF16Type()), flat);
  };
  for (int64_t column = 0; column < columns; column += 16)
    for (int64_t k = 0; k < depth; k += 16) {
      int64_t bytes = side.isTransposed ? k * side.pitch + column * halfBytes : column * side.pitch + k * halfBytes;
      int64_t tiles = std::min<int64_t>(2, (columns - column) / 8);
      SmallVector<Value> right =
          loadMatrices(b, b.offset(start, bytes), 2 * tiles, side.isTransposed ? NVVM::MMALayout::col : NVVM::MMALayout::row);
      for (int64_t tile = 0; tile < tiles; ++tile) {
        int64_t at = (column + 8 * tile) / 4;
        Value before[] = {sums[at], sums[at + 1], sums[perRow + at], sums[perRow + at + 1]};
        Value factors[] = {asRegister(right[2 * tile]), asRegister(right[2 * tile + 1])};
        Value result = NVVM::MmaOp::create(b, type, left.slice(k / 16 * 4, 4), factors, before, {16, 8, 16}, std::nullopt, std::nullopt,
                                           std::array{element, element}, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
        SmallVector<Value> after = b.unpack(result);
        sums[at] = after[0];
        sums[at + 1] = after[1];
        sums[perRow + at] = after[2];
        sums[perRow + at + 1] = after[3];
      }
    }
}

} // namespace mlir::lowbit
