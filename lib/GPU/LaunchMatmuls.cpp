//===- LaunchMatmuls.cpp - products on buffers become launches ------------===//
// Law: a kernel is determined by what MatmulKernel holds and by its plan; sizes are arguments, so that one kernel serves all of them.

#include "GroupedKernel.h"
#include "KernelModule.h"
#include "MatchMatmul.h"
#include "lowbit/GPU/MatmulSchedule.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LAUNCHMATMULSPASS
#include "lowbit/GPU/Passes.h.inc"

/// Whether no kernel that is under way writes a buffer: a constant, or an argument that is said to be one.
static bool isConstant(Value buffer) {
  if (!buffer)
    return true;
  while (auto cast = buffer.getDefiningOp<memref::CastOp>())
    buffer = cast.getSource();
  if (auto global = buffer.getDefiningOp<memref::GetGlobalOp>()) {
    auto symbol = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(global, global.getNameAttr());
    return symbol && symbol.getConstant();
  }
  auto argument = dyn_cast<BlockArgument>(buffer);
  auto function = argument ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp()) : FunctionOpInterface();
  return function && function.getArgAttr(argument.getArgNumber(), "lowbit.constant");
}

/// What is to be computed with weights of few bits, or failure after an error.
static FailureOr<GroupedKernel> match(GroupedMatmulOp op) {
  for (Value operand : op->getOperands())
    if (auto type = cast<MemRefType>(operand.getType()); !type.getLayout().isIdentity())
      return op.emitOpError() << "has an operand of type " << type << ", which is a part of another buffer; copy it first";
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  constexpr int64_t multiple = 32;
  if (!op.getScales() && (lhs.isDynamicDim(1) || lhs.getDimSize(1) % multiple != 0))
    return op.emitOpError() << "has lhs of " << lhs << "; expected a reduction that is a multiple of " << multiple;
  if (op.getZeros() && lhs.getElementType().isInteger())
    return op.emitOpError("has zeros and lhs of i8; expected none");
  GroupedKernel kernel = GroupedKernel::describe(op);
  if (op.getLevels() && !LaneLevels::find(*op.getLevels(), kernel.types.element))
    return op.emitOpError() << "has levels that are no sums of three numbers of " << kernel.types.element;
  if (failed(matchEpilogue(op, op.getInit(), op.getEpilogueOperands(), op.getEpilogue(), kernel.shared)))
    return failure();
  kernel.hasConstantWeights = llvm::all_of(ArrayRef<Value>{op.getRhs(), op.getScales(), op.getZeros()}, isConstant);
  return kernel;
}

/// What the kernel's code depends on, besides its plan.
static std::string describe(const MatmulKernel &kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (MatmulSide side : {kernel.lhs, kernel.rhs}) {
    stream << side.width << side.isSigned << side.isTransposed << side.isShared;
    if (side.number)
      stream << side.number;
    for (const ImageRows::Loop &loop : side.windows.rows) // how many there are of the first one is an argument
      stream << "," << (&loop == side.windows.rows.begin() ? 0 : loop.size) << "," << loop.bytes;
    for (const ImageRows::Loop &loop : side.windows.taps)
      stream << ";" << loop.size << "," << loop.bytes;
    stream << ";" << side.windows.run;
  }
  if (kernel.group != 0)
    stream << "," << kernel.group << kernel.lhsScale << kernel.rhsScale;
  stream << "," << kernel.hasBatches << kernel.depthAlignment << "," << kernel.columnAlignment;
  for (const EpilogueOperand &operand : kernel.operands)
    stream << "," << static_cast<int>(operand.kind) << operand.isShared;
  describe(kernel.epilogue->front(), stream);
  return text;
}

static std::string describe(const GroupedKernel &kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << kernel.types.element << kernel.types.areSingles << kernel.types.width << kernel.types.isUnsigned;
  for (float level : kernel.types.levels)
    stream << "," << llvm::bit_cast<uint32_t>(level);
  if (kernel.scale)
    stream << kernel.scale << kernel.group << kernel.hasZeros;
  stream << kernel.hasWholeSteps() << kernel.startsEarly << kernel.hasConstantWeights << describe(kernel.shared);
  return text;
}

namespace {
struct LaunchMatmulsPass final : impl::LaunchMatmulsPassBase<LaunchMatmulsPass> {
  using LaunchMatmulsPassBase::LaunchMatmulsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<MatmulOp, GroupedMatmulOp>(op))
        ops.push_back(op);
    });
    if (ops.empty())
      return;
    architecture = resolved->getGPU();
    if (!architecture) {
      ops.front()->emitOpError() << "cannot be launched on `" << resolved->getName() << "`, which is no GPU";
      return signalPassFailure();
    }
    KernelModule kernels(getOperation());
    for (Operation *op : ops) {
      auto matmul = dyn_cast<MatmulOp>(op);
      if (failed(matmul ? launch(matmul, kernels) : launch(cast<GroupedMatmulOp>(op), kernels)))
        return signalPassFailure();
    }
  }

private:
  LogicalResult launch(MatmulOp op, KernelModule &kernels) {
    FailureOr<MatmulKernel> kernel = matchMatmul(op);
    if (failed(kernel))
      return failure();
    std::string obstacles;
    auto wanted = op->getAttrOfType<StringAttr>(planAttr);
    StringRef name = wanted && tile.empty() ? wanted.getValue() : StringRef(tile);
    MatmulPlans plans;
    if (everyPlan)
      plans = listMatmulPlans(*kernel, *architecture, obstacles, {schedule, name});
    else if (std::unique_ptr<MatmulPlan> best = planMatmul(*kernel, *architecture, obstacles, {schedule, name}))
      plans.push_back(std::move(best));
    if (plans.empty())
      return op.emitOpError() << "has no schedule on " << architecture->chip << ": " << obstacles;
    for (const std::unique_ptr<MatmulPlan> &plan : plans) {
      gpu::GPUFuncOp function = getKernel(op, *kernel, *plan, kernels);
      launchPlan(op, *plan, function);
      if (!everyPlan && !plan->usesMatrixUnit() && !kernel->hasWideFloats())
        reportNextBest(op, obstacles);
      report(op, function, plan->getThreads(), plan->getSharedBytes());
    }
    op.erase();
    return success();
  }

  LogicalResult launch(GroupedMatmulOp op, KernelModule &kernels) {
    if (!architecture->hasAsyncCopy)
      return op.emitOpError() << "has no kernel on " << architecture->chip << ", which has no m16n8k16 of f16";
    FailureOr<GroupedKernel> kernel = match(op);
    if (failed(kernel))
      return failure();
    kernel->startsEarly = architecture->hasBulkCopy;
    GroupedPlan plan(*kernel, architecture->multiprocessors);
    if (failed(verifySumOrder(op, plan.getOrder())))
      return failure();
    gpu::GPUFuncOp function =
        kernels.get(plan.getName() + "\n" + describe(*kernel), plan.getName(), op.getLoc(), plan.getArguments(op.getContext()), {},
                    plan.getThreads(), [&](KernelBuilder &b, gpu::GPUFuncOp made) { plan.emit(b, made); });
    KernelBuilder b(op.getLoc(), op);
    SmallVector<Value> values{getBufferPointer(b, op.getLhs()), getBufferPointer(b, op.getRhs())};
    for (Value parameters : {op.getScales(), op.getZeros()})
      if (parameters)
        values.push_back(getBufferPointer(b, parameters));
    for (Value operand : op.getEpilogueOperands())
      values.push_back(getBufferPointer(b, operand));
    values.push_back(getBufferPointer(b, op.getInit()));
    Value rows = getSize(b, op.getInit(), 0), columns = getSize(b, op.getInit(), 1);
    values.append({rows, columns, getSize(b, op.getLhs(), 1)});
    auto getBlocks = [&](Value size, int64_t tile) {
      return arith::IndexCastOp::create(b, b.getIndexType(), b.ceilDiv(size, tile)).getResult();
    };
    buildLaunch(b, op, function, getBlocks(columns, plan.getColumns()), getBlocks(rows, plan.rows), plan.getSharedBytes(), values);
    report(op, function, plan.getThreads(), plan.getSharedBytes());
    op.erase();
    return success();
  }

  static void reportNextBest(MatmulOp op, StringRef obstacles) {
    remark::missed(op.getLoc(), getRemarkOptions("matrix-unit", op)) << remark::reason("{0}", obstacles);
  }

  static void report(Operation *op, gpu::GPUFuncOp function, unsigned threads, unsigned sharedBytes) {
    remark::passed(op->getLoc(), getRemarkOptions("launch", op))
        << remark::metric("kernel", function.getName()) << remark::metric("threads", threads)
        << remark::metric("shared_bytes", sharedBytes);
  }

  /// A size of a buffer, i32.
  static Value getSize(KernelBuilder &b, Value buffer, int64_t axis) {
    auto type = cast<MemRefType>(buffer.getType());
    return type.isDynamicDim(axis) ? b.toI32(memref::DimOp::create(b, buffer, axis)) : b.i32(type.getDimSize(axis));
  }

  static gpu::GPUFuncOp getKernel(MatmulOp op, const MatmulKernel &kernel, const MatmulPlan &plan, KernelModule &kernels) {
    return kernels.get(plan.getName() + "\n" + describe(kernel), "matmul_" + plan.getName(), op.getLoc(),
                       MatmulArguments::getTypes(op.getContext(), kernel), plan.getExtraArguments(op.getContext()), plan.getThreads(),
                       [&](KernelBuilder &b, gpu::GPUFuncOp function) { plan.emit(b, function); });
  }

  static void launchPlan(MatmulOp op, const MatmulPlan &plan, gpu::GPUFuncOp function) {
    KernelBuilder b(op.getLoc(), op);
    MatmulArguments arguments;
    bool hasBatches = cast<MemRefType>(op.getInit().getType()).getRank() == 3;
    auto getPitch = [&](Value buffer, unsigned axis) {
      auto type = cast<MemRefType>(buffer.getType());
      int64_t stride = type.getStridesAndOffset().first[axis];
      if (ShapedType::isDynamic(stride))
        return b.mul(b.toI32(memref::ExtractStridedMetadataOp::create(b, buffer).getStrides()[axis]), getElementBytes(type));
      return b.i32(stride * getElementBytes(type));
    };
    arguments.lhs = getBufferPointer(b, op.getLhs());
    arguments.rhs = getBufferPointer(b, op.getRhs());
    if (op.getLhsScales())
      arguments.lhsScales = getBufferPointer(b, op.getLhsScales());
    if (op.getRhsScales())
      arguments.rhsScales = getBufferPointer(b, op.getRhsScales());
    arguments.lhsPitch = getPitch(op.getLhs(), hasBatches);
    arguments.rhsPitch = getPitch(op.getRhs(), hasBatches);
    if (hasBatches) {
      arguments.batches = getSize(b, op.getInit(), 0);
      arguments.lhsBatchPitch = getPitch(op.getLhs(), 0);
      arguments.rhsBatchPitch = getPitch(op.getRhs(), 0);
    }
    for (Value operand : op.getEpilogueOperands())
      arguments.operands.push_back(getBufferPointer(b, operand));
    arguments.results.push_back(getBufferPointer(b, op.getInit()));
    arguments.rows = getSize(b, op.getInit(), hasBatches);
    arguments.columns = getSize(b, op.getInit(), hasBatches + 1);
    Value depth = getSize(b, op.getRhs(), hasBatches + (op.getRhsTransposed() ? 0 : 1));
    arguments.depth = b.mul(depth, getElementBytes(cast<MemRefType>(op.getRhs().getType())));
    MatmulPlan::Launch launch = plan.buildLaunch(b, arguments);
    SmallVector<Value> values = arguments.toValues();
    llvm::append_range(values, launch.extra);
    Value one = arith::ConstantIndexOp::create(b, 1), blocks = arith::IndexCastOp::create(b, b.getIndexType(), launch.blocks);
    buildLaunch(b, op, function, blocks, one, plan.getSharedBytes(), values);
  }

  const GPUArchitecture *architecture = nullptr;
};
} // namespace
} // namespace mlir::lowbit
