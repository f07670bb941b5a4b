//===- GroupedKernel.cpp - products with packed weights in groups ---------===//

#include "GroupedKernel.h"
#include "lowbit/GPU/Epilogue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {

GroupedPlan::GroupedPlan(const GroupedKernel &kernel) : kernel(kernel) {
  // More columns a block where more of lhs is read again for each of them.
  int64_t known = kernel.shared.rows ? kernel.shared.rows : 16;
  rows = known <= 8 ? 8 : 16;
  columnTiles = known <= 4 ? 1 : known <= 8 ? 2 : 4;
}

std::string GroupedPlan::getName() const { return llvm::formatv("grouped_{0}x{1}x{2}", rows, getColumns(), kernel.group); }

SmallVector<Type> GroupedPlan::getArguments(MLIRContext *context) const {
  size_t pointers = 3 + kernel.hasZeros + kernel.shared.operands.size() + kernel.shared.results.size();
  SmallVector<Type> types(pointers, LLVM::LLVMPointerType::get(context, 1));
  types.append(3, IntegerType::get(context, 32));
  return types;
}

namespace {
class Emitter {
public:
  Emitter(KernelBuilder &b, const GroupedPlan &plan, ValueRange values) : b(b), plan(plan), kernel(plan.kernel) {
    auto take = [&] {
      Value value = values.front();
      values = values.drop_front();
      return value;
    };
    lhs = take();
    rhs = take();
    scales = take();
    if (kernel.hasZeros)
      zeros = take();
    for (size_t i = 0; i < kernel.shared.operands.size(); ++i)
      arguments.operands.push_back(take());
    for (size_t i = 0; i < kernel.shared.results.size(); ++i)
      arguments.results.push_back(take());
    arguments.rows = take();
    arguments.columns = take();
    groups = take();
  }

  void emit() {
    thread = b.threadId();
    Value lane = b.rem(thread, 32);
    warp = b.div(thread, 32);
    place = b.div(lane, 4);
    quad = b.rem(lane, 4);
    firstRow = b.mul(b.blockId(gpu::Dimension::y), plan.rows);
    firstColumn = b.mul(b.blockId(), plan.getColumns());
    shared = b.sharedMemory();
    depth = b.mul(b.widen(groups), kernel.group);
    SmallVector<Value> reals(getElementsOfThread(), arith::ConstantOp::create(b, b.getF32FloatAttr(0)));
    Value first = b.mul(warp, GroupedPlan::groupsOfWarp);
    SmallVector<Value> carried(reals);
    llvm::append_range(carried, loadWeights(first));
    carried = b.loop(b.i32(0), groups, GroupedPlan::groupsTogether, carried, [&](Value together, ValueRange values) {
      SmallVector<Value> sums(values.take_front(reals.size()));
      Value group = b.add(together, first);
      multiply(group, SmallVector<Value>(values.drop_front(reals.size())));
      // The next weights are on their way while what is there is added up.
      SmallVector<Value> next = loadWeights(b.add(group, GroupedPlan::groupsTogether));
      gpu::BarrierOp::create(b);
      addUp(together, sums);
      gpu::BarrierOp::create(b);
      llvm::append_range(sums, next);
      return sums;
    });
    for (int64_t i = 0; i < getElementsOfThread(); ++i) {
      auto [row, column] = getElement(i);
      AccumulatorTile tile{b.add(firstRow, row), b.add(firstColumn, column), {{0, 0}}, {carried[i]}};
      auto store = [&] { emitEpilogue(b, kernel.shared, arguments, tile); };
      if (plan.rows * plan.getColumns() < GroupedPlan::threads)
        b.when(b.lessThan(thread, b.i32(plan.rows * plan.getColumns())), store);
      else
        store();
    }
  }

private:
  int64_t getElementsOfThread() const {
    return llvm::divideCeil(plan.rows * plan.getColumns(), static_cast<uint64_t>(GroupedPlan::threads));
  }
  /// Codes of one group that a lane multiplies, and the words that they are in.
  int64_t getCodes() const { return kernel.group / 4; }
  int64_t getWords() const { return getCodes() / 8; }
  /// Words of one load.
  int64_t getLoadWords() const { return std::min<int64_t>(4, getWords()); }

  /// The i-th element that this thread adds up, in the block's tile.
  std::pair<Value, Value> getElement(int64_t i) {
    Value index = b.add(thread, i * GroupedPlan::threads);
    return {b.div(index, plan.getColumns()), b.rem(index, plan.getColumns())};
  }

  Value clampGroup(Value group) { return b.min(group, b.add(groups, -1)); }
  Value getColumn(int64_t tile) { return b.min(b.add(b.add(firstColumn, place), 8 * tile), b.add(arguments.columns, -1)); }

  /// The lane's words of this warp's groups from `group` on: for each group, for each tile of columns.
  SmallVector<Value> loadWeights(Value group) {
    SmallVector<Value> words;
    for (int64_t i = 0; i < GroupedPlan::groupsOfWarp; ++i) {
      Value start = b.add(b.mul(b.widen(clampGroup(b.add(group, i))), kernel.group / 2), b.widen(b.mul(quad, getCodes() / 2)));
      for (int64_t tile = 0; tile < plan.columnTiles; ++tile) {
        Value row = b.mul(b.widen(getColumn(tile)), b.div(depth, 2));
        Value pointer = b.offset(rhs, b.add(row, start));
        for (int64_t word = 0; word < getWords(); word += getLoadWords())
          llvm::append_range(words, b.loadElements(b.getI32Type(), b.offset(pointer, 4 * word), getLoadWords()));
      }
    }
    return words;
  }

  /// Two floats with the low halves of `low` and `high`, and two with their high halves.
  std::pair<Value, Value> pair(Value low, Value high) {
    Value first = arith::OrIOp::create(b, b.bitAnd(low, 0xffff), arith::ShLIOp::create(b, high, b.i32(16)));
    Value second = arith::OrIOp::create(b, b.div(low, 1 << 16), b.bitAnd(high, 0xffff0000));
    return {first, second};
  }

  /// Of eight elements of a row of lhs, registers a0 and a2 of two products each.
  SmallVector<Value> loadLeft(Value row, Value group, int64_t word) {
    Value clamped = b.min(row, b.add(arguments.rows, -1));
    Value start = b.add(b.mul(b.widen(group), kernel.group), b.add(b.mul(b.widen(clamped), depth), b.widen(b.mul(quad, getCodes()))));
    Value pointer = b.offset(b.offset(lhs, b.mul(start, 2)), 16 * word);
    SmallVector<Value> elements = b.loadElements(b.getI32Type(), pointer, 4);
    auto [first, second] = pair(elements[0], elements[2]);
    auto [third, fourth] = pair(elements[1], elements[3]);
    return {first, second, third, fourth};
  }

  Value toPair(Value word) {
    auto type = VectorType::get({2}, kernel.element);
    Value flat = vector::FromElementsOp::create(b, VectorType::get({1}, b.getI32Type()), word);
    return vector::BitCastOp::create(b, type, flat);
  }

  /// What is subtracted from the floats that codes are in, for both of a pair.
  Value getBias(Value group, int64_t tile) {
    int64_t one = kernel.element.isBF16() ? 128 : 1024;
    auto type = VectorType::get({2}, kernel.element);
    if (!kernel.hasZeros)
      return arith::ConstantOp::create(b, DenseElementsAttr::get(type, b.getFloatAttr(kernel.element, one + kernel.zero)));
    Value index = b.add(b.mul(b.widen(getColumn(tile)), b.widen(groups)), b.widen(group));
    Value zero = arith::ExtSIOp::create(b, b.getI32Type(), b.load(b.getI8Type(), b.offset(zeros, index), 1));
    Value real = arith::SIToFPOp::create(b, kernel.element, b.add(zero, one));
    return vector::FromElementsOp::create(b, type, ValueRange{real, real});
  }

  /// Registers b0 and b1 of two products each, of one word of codes.
  SmallVector<Value> decode(Value word, Value bias) {
    Value magic = b.i32(kernel.element.isBF16() ? 0x43004300 : 0x64006400);
    SmallVector<Value> registers;
    for (int64_t i = 0; i < 4; ++i) {
      Value codes = arith::OrIOp::create(b, b.bitAnd(b.div(word, int64_t(1) << 4 * i), 0x000f000f), magic);
      registers.push_back(arith::SubFOp::create(b, toPair(codes), bias));
    }
    return registers;
  }

  Value product(ArrayRef<Value> a, ArrayRef<Value> weights, ValueRange sums) {
    Type f32 = b.getF32Type();
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
    bool isBF16 = kernel.element.isBF16();
    // bf16 comes in i32, f16 in pairs.
    SmallVector<Value> left = llvm::map_to_vector(a, [&](Value value) { return isBF16 ? value : toPair(value); });
    SmallVector<Value> right = llvm::map_to_vector(weights, [&](Value value) { return isBF16 ? toWord(value) : value; });
    NVVM::MMATypes element = isBF16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
    return NVVM::MmaOp::create(b, type, left, right, sums, {16, 8, 16}, std::nullopt, std::nullopt, std::array{element, element},
                               std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  }

  Value toWord(Value pair) {
    Value vector = vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), pair);
    return vector::ExtractOp::create(b, vector, 0);
  }

  /// Puts the dots of this warp's groups from `group` on into shared memory, `[group, row, column]`.
  void multiply(Value group, ArrayRef<Value> words) {
    Value nothing = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
    for (int64_t i = 0; i < GroupedPlan::groupsOfWarp; ++i) {
      Value clamped = clampGroup(b.add(group, i));
      SmallVector<SmallVector<Value>> sums(plan.columnTiles, SmallVector<Value>(4, nothing));
      SmallVector<Value> biases;
      for (int64_t tile = 0; tile < plan.columnTiles; ++tile)
        biases.push_back(getBias(clamped, tile));
      for (int64_t word = 0; word < getWords(); ++word) {
        SmallVector<Value> upper = loadLeft(b.add(firstRow, place), clamped, word);
        SmallVector<Value> lower =
            plan.rows == 16 ? loadLeft(b.add(b.add(firstRow, place), 8), clamped, word) : SmallVector<Value>(4, b.i32(0));
        for (int64_t tile = 0; tile < plan.columnTiles; ++tile) {
          SmallVector<Value> weights = decode(words[(i * plan.columnTiles + tile) * getWords() + word], biases[tile]);
          for (int64_t step = 0; step < 2; ++step) {
            Value a[] = {upper[2 * step], lower[2 * step], upper[2 * step + 1], lower[2 * step + 1]};
            Value result = product(a, ArrayRef(weights).slice(2 * step, 2), sums[tile]);
            llvm::copy(b.unpack(result), sums[tile].begin());
          }
        }
      }
      for (int64_t tile = 0; tile < plan.columnTiles; ++tile)
        storeDots(i, tile, sums[tile]);
    }
  }

  Value getDot(Value group, Value row, Value column) {
    Value index = b.add(b.mul(b.add(b.mul(group, plan.rows), row), plan.getColumns()), column);
    return b.offset(shared, b.mul(index, 4));
  }

  void storeDots(int64_t group, int64_t tile, ArrayRef<Value> sums) {
    auto type = VectorType::get({2}, b.getF32Type());
    Value slot = b.add(b.mul(warp, GroupedPlan::groupsOfWarp), group), column = b.add(b.mul(quad, 2), 8 * tile);
    for (int64_t half = 0; half < plan.rows / 8; ++half) {
      Value pointer = getDot(slot, b.add(place, 8 * half), column);
      b.store(vector::FromElementsOp::create(b, type, ValueRange{sums[2 * half], sums[2 * half + 1]}), pointer, 8);
    }
  }

  /// Adds the dots that are in shared memory, times their scales, in the order of groups from `together` on.
  void addUp(Value together, MutableArrayRef<Value> reals) {
    for (auto [i, real] : llvm::enumerate(reals)) {
      Value row, column;
      std::tie(row, column) = getElement(i);
      // A thread too many adds up what another one does, and stores nothing.
      row = b.rem(row, plan.rows);
      Value scaleRow = b.mul(b.widen(b.min(b.add(firstColumn, column), b.add(arguments.columns, -1))), b.widen(groups));
      int64_t bytes = kernel.scale.getIntOrFloatBitWidth() / 8;
      Value count = b.min(b.sub(groups, together), b.i32(GroupedPlan::groupsTogether));
      SmallVector<Value> sum = b.loop(b.i32(0), count, 1, real, [&](Value group, ValueRange carried) -> SmallVector<Value> {
        Value index = b.add(scaleRow, b.widen(b.add(together, group)));
        Value scale = b.load(kernel.scale, b.offset(scales, b.mul(index, bytes)), bytes);
        if (!kernel.scale.isF32())
          scale = arith::ExtFOp::create(b, b.getF32Type(), scale);
        Value dot = b.load(b.getF32Type(), getDot(group, row, column), 4);
        return {math::FmaOp::create(b, dot, scale, carried[0])};
      });
      real = sum[0];
    }
  }

  KernelBuilder &b;
  const GroupedPlan &plan;
  const GroupedKernel &kernel;
  MatmulArguments arguments; ///< Sizes, operands and results.
  Value lhs, rhs, scales, zeros, groups, depth, shared;
  Value thread, warp, place, quad, firstRow, firstColumn;
};
} // namespace

void GroupedPlan::emit(KernelBuilder &b, gpu::GPUFuncOp function) const { Emitter(b, *this, function.getArguments()).emit(); }

} // namespace mlir::lowbit
