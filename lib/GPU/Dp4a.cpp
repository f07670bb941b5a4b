//===- Dp4a.cpp - products by the integer lanes ---------------------------===//
//
// For what no matrix unit takes: four bytes of the reduction at a time by the dot product of bytes, 32 bits by `and` and a count. A lane
// has every fourth row and every eighth column of its warp's part. Eight lanes read eight neighbouring rows of the right side, and the same
// row of the left side, so that no two of them meet in a bank.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "StagedProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {
namespace {

constexpr StagedTile tiles[] = {
    {128, 128, 64, 32, 64}, {64, 64, 64, 16, 32}, {32, 64, 64, 16, 32}, {16, 64, 128, 8, 32}, {8, 32, 128, 8, 16},
};

class LaneProduct final : public WarpProduct {
public:
  LaneProduct(const MatmulKernel &kernel, const StagedTile &tile, int64_t lanes)
      : kernel(kernel), rowLanes(lanes / columnLanes), numRows(tile.warpRows / rowLanes), numColumns(tile.warpColumns / columnLanes) {}

  std::pair<Value, Value> getOrigin(KernelBuilder &b, Value lane) const override {
    return {b.div(lane, columnLanes), b.rem(lane, columnLanes)};
  }

  SmallVector<TilePlace> getPlaces() const override {
    SmallVector<TilePlace> places;
    for (int64_t i = 0; i < numRows; ++i)
      for (int64_t j = 0; j < numColumns; ++j)
        places.push_back({i * rowLanes, j * columnLanes});
    return places;
  }

  int64_t getStepBytes() const override { return Swizzle::pieceBytes; }

  void multiply(KernelBuilder &b, Value lane, const StagedSide &lhs, const StagedSide &rhs, int64_t piece,
                MutableArrayRef<Value> sums) const override {
    auto [row, column] = getOrigin(b, lane);
    SmallVector<SmallVector<Value>> left;
    int64_t rowsOfPattern = std::max<int64_t>(1, 8 / rowLanes);
    for (int64_t i = 0; i < numRows; ++i) {
      // Rows that are eight apart have their pieces in the same places.
      int64_t pattern = i % rowsOfPattern * rowLanes;
      Value address = lhs.getAddress(b, b.add(row, pattern), b.i32(piece));
      left.push_back(b.loadElements(b.getI32Type(), b.offset(address, (i * rowLanes - pattern) * lhs.swizzle.rowBytes), words));
    }
    Value first = rhs.getAddress(b, column, b.i32(piece));
    for (int64_t j = 0; j < numColumns; ++j) {
      SmallVector<Value> right = b.loadElements(b.getI32Type(), b.offset(first, j * columnLanes * rhs.swizzle.rowBytes), words);
      for (int64_t i = 0; i < numRows; ++i)
        for (int64_t word = 0; word < words; ++word) {
          Value &sum = sums[i * numColumns + j];
          sum = accumulate(b, left[i][word], right[word], sum);
        }
    }
  }

  static constexpr int64_t columnLanes = 8;

private:
  static constexpr int64_t words = Swizzle::pieceBytes / 4;

  Value accumulate(KernelBuilder &b, Value left, Value right, Value sum) const {
    if (kernel.lhs.width == 1)
      return b.add(sum, math::CtPopOp::create(b, arith::AndIOp::create(b, left, right)));
    auto getType = [](MatmulSide side) { return side.isSigned ? NVVM::DotAccumulateType::SIGNED : NVVM::DotAccumulateType::UNSIGNED; };
    auto bytes = VectorType::get({4}, b.getI8Type());
    Value a = LLVM::BitcastOp::create(b, bytes, left), c = LLVM::BitcastOp::create(b, bytes, right);
    return NVVM::DotAccumulate4WayOp::create(b, b.getI32Type(), a, getType(kernel.lhs), c, getType(kernel.rhs), sum);
  }

  const MatmulKernel &kernel;
  int64_t rowLanes, numRows, numColumns;
};

class Dp4aPlan final : public StagedPlan {
public:
  using StagedPlan::StagedPlan;
  bool usesMatrixUnit() const override { return false; }

protected:
  StringRef getStem() const override { return kernel.lhs.width == 1 ? "popc" : "dp4a"; }
  std::unique_ptr<WarpProduct> createProduct() const override {
    return std::make_unique<LaneProduct>(kernel, tile, architecture.warpThreads);
  }
  double getProductsPerCycle() const override { return kernel.lhs.width == 1 ? 16 * 32 : 64 * 4; }
  /// Eight lanes read a piece of 16 bytes each in a cycle, whether it is the same one or not.
  double getReadCycles() const override {
    double lanes = architecture.warpThreads, columns = LaneProduct::columnLanes;
    double pieces = tile.warpRows / (lanes / columns) + tile.warpColumns / columns;
    return tile.getWarps() * pieces * lanes / 8 * tile.depth / Swizzle::pieceBytes;
  }
};

class Dp4aSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "dp4a"; }

  std::unique_ptr<MatmulPlan> plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, StringRef name,
                                   std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    return obstacle.empty() ? findCheapest<Dp4aPlan>(tiles, kernel, architecture, name, obstacle) : nullptr;
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (kernel.lhs.width == 8 && !architecture.hasByteDot)
      return (architecture.chip + " has no dot product of bytes").str();
    return getSideObstacle(kernel, /*rowAlignment=*/4);
  }
};

} // namespace

const MatmulSchedule &getDp4aSchedule() {
  static const Dp4aSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
