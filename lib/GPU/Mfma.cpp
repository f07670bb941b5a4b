//===- Mfma.cpp - products by v_mfma_i32_16x16 of bytes -------------------===//
//
// A wave of 64 lanes: lane l has row l % 16 of either side, and the quarter l / 16 of the reduction. Which bytes a quarter has makes no
// difference as long as both sides agree, so a lane reads 16 bytes in a row and multiplies them in one, two or four instructions.
//
// Bytes are signed there. An unsigned code u is s + 128 with s = u xor 128, so
//   sum l * r = sum sl * sr + 128 * sum sr (where l is unsigned) + 128 * sum sl (where r is) + 128^2 * K (where both are);
// sums of one side are products with ones. It all wraps, and ends where the exact sum wrapped would.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "StagedProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {
namespace {

constexpr StagedTile tiles[] = {
    {128, 128, 64, 64, 64}, {64, 128, 64, 32, 64}, {64, 64, 64, 32, 32}, {32, 64, 128, 16, 32}, {16, 64, 128, 16, 32},
};

/// Rows and columns of the instruction; sums that a lane has of them.
constexpr int64_t size = 16, sumsOfLane = 4;

class MfmaProduct final : public WarpProduct {
public:
  MfmaProduct(const MatmulKernel &kernel, const StagedTile &tile, int64_t depth)
      : kernel(kernel), depth(depth), numRows(tile.warpRows / size), numColumns(tile.warpColumns / size) {}

  std::pair<Value, Value> getOrigin(KernelBuilder &b, Value lane) const override {
    return {b.mul(b.div(lane, size), sumsOfLane), b.rem(lane, size)};
  }

  SmallVector<TilePlace> getPlaces() const override {
    SmallVector<TilePlace> places;
    for (int64_t i = 0; i < numRows; ++i)
      for (int64_t j = 0; j < numColumns; ++j)
        for (int64_t row = 0; row < sumsOfLane; ++row)
          places.push_back({i * size + row, j * size});
    return places;
  }

  int64_t getStepBytes() const override { return 4 * Swizzle::pieceBytes; }

  /// Products, then sums of the right side where the left one is unsigned, then of the left side where the right one is.
  SmallVector<Value> createSums(KernelBuilder &b) const override {
    int64_t count = numRows * numColumns + (kernel.lhs.isSigned ? 0 : numColumns) + (kernel.rhs.isSigned ? 0 : numRows);
    auto type = VectorType::get({sumsOfLane}, b.getI32Type());
    return SmallVector<Value>(count, arith::ConstantOp::create(b, b.getZeroAttr(type)));
  }

  void multiply(KernelBuilder &b, Value lane, const StagedSide &lhs, const StagedSide &rhs, int64_t piece,
                MutableArrayRef<Value> sums) const override {
    auto left = load(b, lane, lhs, kernel.lhs, numRows, piece), right = load(b, lane, rhs, kernel.rhs, numColumns, piece);
    Value ones = getWord(b, 0x01);
    for (int64_t word = 0; word < getWords(); ++word) {
      for (int64_t i = 0; i < numRows; ++i)
        for (int64_t j = 0; j < numColumns; ++j)
          add(b, left[i][word], right[j][word], sums[i * numColumns + j]);
      MutableArrayRef<Value> rest = sums.drop_front(numRows * numColumns);
      for (int64_t j = 0; j < numColumns && !kernel.lhs.isSigned; ++j)
        add(b, ones, right[j][word], rest[j]);
      rest = rest.drop_front(kernel.lhs.isSigned ? 0 : numColumns);
      for (int64_t i = 0; i < numRows && !kernel.rhs.isSigned; ++i)
        add(b, left[i][word], ones, rest[i]);
    }
  }

  SmallVector<Value> finish(KernelBuilder &b, ArrayRef<Value> sums, Value bytes) const override {
    ArrayRef<Value> ofRight = sums.drop_front(numRows * numColumns), ofLeft = ofRight.drop_front(kernel.lhs.isSigned ? 0 : numColumns);
    SmallVector<Value> results;
    for (int64_t i = 0; i < numRows; ++i)
      for (int64_t j = 0; j < numColumns; ++j)
        for (int64_t row = 0; row < sumsOfLane; ++row) {
          auto extract = [&](Value sum) { return vector::ExtractOp::create(b, sum, row).getResult(); };
          Value result = extract(sums[i * numColumns + j]);
          if (!kernel.lhs.isSigned)
            result = b.add(result, b.mul(extract(ofRight[j]), offset));
          if (!kernel.rhs.isSigned)
            result = b.add(result, b.mul(extract(ofLeft[i]), offset));
          if (!kernel.lhs.isSigned && !kernel.rhs.isSigned)
            result = b.add(result, b.mul(bytes, offset * offset));
          results.push_back(result);
        }
    return results;
  }

private:
  static constexpr int64_t offset = 128;

  /// Words of a lane's 16 bytes, each an operand of the instruction.
  int64_t getWords() const { return 4 * Swizzle::pieceBytes / depth; }
  Type getWordType(KernelBuilder &b) const { return b.getIntegerType(8 * depth / 4); }
  Value getWord(KernelBuilder &b, uint8_t byte) const {
    return arith::ConstantOp::create(b, IntegerAttr::get(getWordType(b), APInt::getSplat(8 * depth / 4, APInt(8, byte))));
  }

  /// The words of each 16 rows, as signed bytes.
  SmallVector<SmallVector<Value>> load(KernelBuilder &b, Value lane, const StagedSide &side, MatmulSide codes, int64_t count,
                                       int64_t piece) const {
    Value address = side.getAddress(b, b.rem(lane, size), b.add(b.div(lane, size), piece));
    SmallVector<SmallVector<Value>> rows;
    for (int64_t i = 0; i < count; ++i) {
      rows.push_back(b.loadElements(getWordType(b), b.offset(address, i * size * side.swizzle.rowBytes), getWords()));
      for (Value &word : rows.back())
        if (!codes.isSigned)
          word = b.bitXor(word, getWord(b, offset));
    }
    return rows;
  }

  void add(KernelBuilder &b, Value left, Value right, Value &sum) const {
    SmallVector<Value> operands{left, right, sum, b.i32(0), b.i32(0), b.i32(0)};
    if (depth == 32)
      sum = ROCDL::mfma_i32_16x16x32_i8::create(b, sum.getType(), operands);
    else
      sum = ROCDL::mfma_i32_16x16x16i8::create(b, sum.getType(), operands);
  }

  const MatmulKernel &kernel;
  int64_t depth; ///< Of the instruction.
  int64_t numRows, numColumns;
};

class MfmaPlan final : public StagedPlan {
public:
  using StagedPlan::StagedPlan;

protected:
  StringRef getStem() const override { return "mfma"; }
  std::unique_ptr<WarpProduct> createProduct() const override {
    return std::make_unique<MfmaProduct>(kernel, tile, architecture.mfmaDepth);
  }
  double getProductsPerCycle() const override { return architecture.mfmaDepth == 32 ? 2048 : 512; }
};

class MfmaSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "mfma"; }

  MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    return obstacle.empty() ? makePlans<MfmaPlan>(tiles, kernel, architecture, obstacle) : MatmulPlans();
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (architecture.mfmaDepth == 0)
      return (architecture.chip + " has no mfma of bytes").str();
    if (kernel.lhs.width == 1)
      return "bits are no bytes";
    return getSideObstacle(kernel);
  }
};

} // namespace

const MatmulSchedule &getMfmaSchedule() {
  static const MfmaSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
