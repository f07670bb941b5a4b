//===- Dp4a.cpp - products by the integer lanes ---------------------------===//
//
// For what no matrix unit takes: four bytes of the reduction at a time by the dot product of bytes, 32 bits by `and` and a count.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "WordProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {
namespace {

constexpr StagedTile tiles[] = {
    {128, 128, 64, 32, 64}, {64, 64, 64, 16, 32}, {32, 64, 64, 16, 32}, {16, 64, 128, 8, 32}, {8, 32, 128, 8, 16},
};

class DotProductOfWords final : public WordProduct {
public:
  using WordProduct::WordProduct;

protected:
  Value accumulate(KernelBuilder &b, Value left, Value right, Value sum) const override {
    if (kernel.lhs.width == 1)
      return b.add(sum, math::CtPopOp::create(b, arith::AndIOp::create(b, left, right)));
    auto getType = [](MatmulSide side) { return side.isSigned ? NVVM::DotAccumulateType::SIGNED : NVVM::DotAccumulateType::UNSIGNED; };
    auto bytes = VectorType::get({4}, b.getI8Type());
    Value a = LLVM::BitcastOp::create(b, bytes, left), c = LLVM::BitcastOp::create(b, bytes, right);
    return NVVM::DotAccumulate4WayOp::create(b, b.getI32Type(), a, getType(kernel.lhs), c, getType(kernel.rhs), sum);
  }
};

class Dp4aPlan final : public WordPlan {
public:
  using WordPlan::WordPlan;

protected:
  StringRef getStem() const override { return kernel.lhs.width == 1 ? "popc" : "dp4a"; }
  std::unique_ptr<WarpProduct> createProduct() const override {
    return std::make_unique<DotProductOfWords>(kernel, tile, architecture.warpThreads);
  }
  double getProductsPerCycle() const override { return kernel.lhs.width == 1 ? 16 * 32 : 64 * 4; }
};

class Dp4aSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "dp4a"; }

  MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    return obstacle.empty() ? makePlans<Dp4aPlan>(tiles, kernel, architecture, obstacle) : MatmulPlans();
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
