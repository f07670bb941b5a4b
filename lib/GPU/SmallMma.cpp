//===- SmallMma.cpp - products by mma.sync m8n8k16 ------------------------===//
//
// The matrix unit of the first architecture that multiplies bytes. A matrix of 8 rows of 16 bytes, as ldmatrix loads it, is a fragment of
// either side.
//
//===----------------------------------------------------------------------===//

#include "MmaInstruction.h"
#include "Schedules.h"
#include "StagedProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {
namespace {

constexpr StagedTile tiles[] = {
    {128, 128, 64, 64, 32},
    {64, 128, 64, 32, 64},
    {64, 64, 64, 32, 32},
    {32, 64, 64, 32, 32},
};

/// Rows and columns of the instruction; fragments that one ldmatrix loads.
constexpr int64_t size = 8, matrices = 4;

class SmallMmaProduct final : public WarpProduct {
public:
  SmallMmaProduct(const MatmulKernel &kernel, const StagedTile &tile)
      : kernel(kernel), numRows(tile.warpRows / size), numColumns(tile.warpColumns / size) {}

  /// Rows lane / 4, columns 2 * (lane % 4) and the next.
  std::pair<Value, Value> getOrigin(KernelBuilder &b, Value lane) const override {
    return {Accumulator16x8::getRow(b, lane), Accumulator16x8::getColumn(b, lane)};
  }

  SmallVector<TilePlace> getPlaces() const override {
    SmallVector<TilePlace> places;
    for (int64_t i = 0; i < numRows; ++i)
      for (int64_t j = 0; j < numColumns; ++j)
        for (int64_t column = 0; column < 2; ++column)
          places.push_back({i * size, j * size + column});
    return places;
  }

  int64_t getStepBytes() const override { return Swizzle::pieceBytes; }

  void multiply(KernelBuilder &b, Value lane, const StagedSide &lhs, const StagedSide &rhs, int64_t piece,
                MutableArrayRef<Value> sums) const override {
    SmallVector<Value> left = load(b, lane, lhs, numRows, piece), right = load(b, lane, rhs, numColumns, piece);
    Type i32 = b.getI32Type();
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32});
    auto getType = [](MatmulSide side) { return side.isSigned ? NVVM::MMATypes::s8 : NVVM::MMATypes::u8; };
    for (int64_t i = 0; i < numRows; ++i)
      for (int64_t j = 0; j < numColumns; ++j) {
        MutableArrayRef<Value> pair = sums.slice(2 * (i * numColumns + j), 2);
        Value result =
            NVVM::MmaOp::create(b, type, left[i], right[j], ValueRange(ArrayRef<Value>(pair)), {size, size, Swizzle::pieceBytes},
                                std::nullopt, NVVM::MMAIntOverflow::wrapped, std::array{getType(kernel.lhs), getType(kernel.rhs)},
                                std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
        llvm::copy(b.unpack(result), pair.begin());
      }
  }

private:
  /// A register for each eight rows.
  static SmallVector<Value> load(KernelBuilder &b, Value lane, const StagedSide &side, int64_t count, int64_t piece) {
    Value address = side.getAddress(b, lane, b.i32(piece));
    SmallVector<Value> registers;
    for (int64_t i = 0; i < count; i += matrices) {
      llvm::append_range(registers, loadMatrices(b, b.offset(address, i * size * side.swizzle.rowBytes), matrices));
    }
    return registers;
  }

  const MatmulKernel &kernel;
  int64_t numRows, numColumns;
};

class SmallMmaPlan final : public StagedPlan {
public:
  using StagedPlan::StagedPlan;

protected:
  StringRef getStem() const override { return "mma_m8n8k16"; }
  std::unique_ptr<WarpProduct> createProduct() const override { return std::make_unique<SmallMmaProduct>(kernel, tile); }
  double getProductsPerCycle() const override { return 1024; }
};

class SmallMmaSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "mma.sync.m8n8k16"; }

  MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    return obstacle.empty() ? makePlans<SmallMmaPlan>(tiles, kernel, architecture, obstacle) : MatmulPlans();
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (!architecture.hasSmallByteMma)
      return (architecture.chip + " has no m8n8k16 of bytes").str();
    if (architecture.hasByteMma)
      return (architecture.chip + " has m16n8k32 of bytes, which is faster").str();
    if (kernel.lhs.width == 1)
      return "bits are no bytes";
    return getSideObstacle(kernel);
  }
};

} // namespace

const MatmulSchedule &getSmallMmaSchedule() {
  static const SmallMmaSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
