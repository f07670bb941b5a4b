//===- FloatFma.cpp - products of f32 by the lanes ------------------------===//
//
// Fused multiply-adds of up to 8 x 8 elements a lane, whose factors come from shared memory 16 bytes at once. The sum of an element is one
// register from the first step of the reduction to the last, so that the order is that of the module.
//
//===----------------------------------------------------------------------===//

#include "Schedules.h"
#include "WordProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {
namespace {

constexpr StagedTile tiles[] = {{128, 128, 64, 32, 64},
                                {64, 64, 64, 32, 32},
                                {32, 64, 64, 16, 32},
                                {32, 32, 64, 16, 16},
                                // Of few rows, or few columns: longer steps of the reduction, behind which there is little to wait with.
                                {8, 32, 128, 8, 8},
                                {32, 8, 128, 8, 8}};

class FmaOfWords final : public WordProduct {
public:
  using WordProduct::WordProduct;

  SmallVector<Value> createSums(KernelBuilder &b) const override {
    return SmallVector<Value>(getPlaces().size(), arith::ConstantOp::create(b, b.getF32FloatAttr(0)).getResult());
  }

protected:
  Type getWordType(KernelBuilder &b) const override { return b.getF32Type(); }
  Value accumulate(KernelBuilder &b, Value left, Value right, Value sum) const override { return math::FmaOp::create(b, left, right, sum); }
};

class FmaPlan final : public WordPlan {
public:
  using WordPlan::WordPlan;

  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const override {
    // Registers are for sums: the assembler would rather spill some of them to make room for one more block.
    if (architecture.code == KernelCode::PTX)
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
    WordPlan::emit(b, function);
  }

protected:
  StringRef getStem() const override { return "fma"; }
  std::unique_ptr<WarpProduct> createProduct() const override {
    return std::make_unique<FmaOfWords>(kernel, tile, architecture.warpThreads);
  }
  double getProductsPerCycle() const override { return 128; }
};

class FmaSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "fma"; }

  MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const override {
    obstacle = getObstacle(kernel);
    return obstacle.empty() ? makePlans<FmaPlan>(tiles, kernel, architecture, obstacle) : MatmulPlans();
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel) {
    if (!kernel.hasWideFloats())
      return "sides are not both of f32";
    return "";
  }
};

} // namespace

const MatmulSchedule &getFmaSchedule() {
  static const FmaSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
