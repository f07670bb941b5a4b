//===- LaunchMatmuls.cpp - products on buffers become launches ------------===//
// Law: a kernel is determined by what MatmulKernel holds and by its plan; sizes are arguments, so that one kernel serves all of them.

#include "GroupedKernel.h"
#include "KernelModule.h"
#include "lowbit/GPU/MatmulSchedule.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LAUNCHMATMULSPASS
#include "lowbit/GPU/Passes.h.inc"

/// The largest power of two, up to `most`, that divides `value`; 1 where it is not known.
static unsigned getAlignment(int64_t value, unsigned most) {
  return ShapedType::isDynamic(value) ? 1 : value == 0 ? most : std::min<int64_t>(most, value & -value);
}

static int64_t getKnown(int64_t size) { return ShapedType::isDynamic(size) ? 0 : size; }

static OperandKind getKind(ArrayRef<int64_t> matrix) {
  bool isRow = matrix[0] != 1, isColumn = matrix[1] != 1;
  return isRow ? (isColumn ? OperandKind::Full : OperandKind::Row) : isColumn ? OperandKind::Column : OperandKind::Scalar;
}

/// Whether elements lie next to one another, in the order of their indices.
static bool isPacked(MemRefType type) {
  if (type.getLayout().isIdentity())
    return true;
  auto [strides, offset] = type.getStridesAndOffset();
  int64_t expected = 1;
  for (auto [size, stride] : llvm::reverse(llvm::zip(type.getShape(), strides))) {
    if (size != 1 && (stride != expected || ShapedType::isDynamic(stride)))
      return false;
    expected = ShapedType::isDynamic(size) ? size : expected * size;
  }
  return true;
}

/// Fills in results, operands, epilogue, and what is known of columns; failure after an error.
static LogicalResult matchEpilogue(Operation *op, Value init, ValueRange operands, Region &epilogue, MatmulKernel &kernel) {
  if (!getCapturedValues(op->getRegions()).empty())
    return op->emitOpError("has an epilogue that uses values from around it; expected operands, or constants");
  ArrayRef<int64_t> shape = cast<MemRefType>(init.getType()).getShape();
  if (shape.size() > 3)
    return op->emitOpError() << "has " << shape.size() - 2 << " axes of batches; expected one at most: make them one axis";
  kernel.hasBatches = shape.size() == 3;
  kernel.batches = kernel.hasBatches ? getKnown(shape[0]) : 0;
  kernel.rows = getKnown(shape[shape.size() - 2]);
  kernel.columns = getKnown(shape.back());
  kernel.columnAlignment = getAlignment(shape.back(), 16);
  auto add = [&](Value operand, bool isResult) -> LogicalResult {
    auto type = cast<MemRefType>(operand.getType());
    Type element = type.getElementType();
    if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0)
      return op->emitOpError() << "has an operand of " << element << "; expected elements of whole bytes";
    if (!isPacked(type))
      return op->emitOpError() << "has an operand of type " << type << ", whose rows are not next to one another; copy it first";
    int64_t offset = type.getStridesAndOffset().second;
    kernel.columnAlignment = std::min(kernel.columnAlignment, getAlignment(offset, 16));
    if (isResult)
      kernel.results.push_back(element);
    else
      kernel.operands.push_back({element, getKind(type.getShape().take_back(2)), !kernel.hasBatches || type.getDimSize(0) == 1});
    return success();
  };
  kernel.epilogue = &epilogue;
  if (failed(add(init, /*isResult=*/true)))
    return failure();
  return success(llvm::all_of(operands, [&](Value operand) { return succeeded(add(operand, /*isResult=*/false)); }));
}

static int64_t getElementBytes(MemRefType type) { return llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

/// What is to be computed, or failure after an error.
static FailureOr<MatmulKernel> match(MatmulOp op) {
  auto lhs = cast<MemRefType>(op.getLhs().getType()), rhs = cast<MemRefType>(op.getRhs().getType());
  MatmulKernel kernel;
  if (failed(matchEpilogue(op, op.getInit(), op.getEpilogueOperands(), op.getEpilogue(), kernel)))
    return failure();
  bool areFloats = op.getSumType().isF32();
  unsigned width = areFloats ? 32 : op.getBits() ? 1 : 8;
  kernel.lhs = {width, !op.getLhsUnsigned(), areFloats, op.getLhsTransposed()};
  kernel.rhs = {width, !op.getRhsUnsigned(), areFloats, op.getRhsTransposed()};
  int64_t depth = getKnown(lhs.getShape().take_back(2)[op.getLhsTransposed() ? 0 : 1]);
  kernel.depth = depth * getElementBytes(lhs);
  for (auto [type, side] : {std::pair(lhs, &kernel.lhs), std::pair(rhs, &kernel.rhs)}) {
    side->isShared = kernel.hasBatches && type.getDimSize(0) == 1;
    auto [strides, offset] = type.getStridesAndOffset();
    SmallVector<int64_t> places(ArrayRef(strides).drop_back());
    if (side->isShared)
      places.erase(places.begin());
    places.append({offset, type.getShape().back()});
    for (int64_t place : places)
      kernel.depthAlignment =
          std::min(kernel.depthAlignment, getAlignment(ShapedType::isDynamic(place) ? place : place * getElementBytes(type), 16));
  }
  return kernel;
}

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

/// The same for weights of few bits.
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
  GroupedKernel kernel{{},
                       {lhs.getElementType(), static_cast<int64_t>(op.getWidth()), op.getRhsUnsigned(),
                        op.getLevels().value_or(ArrayRef<float>()), LaneWeights::getLaneDepth(static_cast<int64_t>(op.getGroup()))},
                       op.getScales() ? cast<FloatType>(getElementTypeOrSelf(op.getScales().getType())) : FloatType(),
                       static_cast<int64_t>(op.getGroup()),
                       static_cast<bool>(op.getZeros())};
  if (op.getLevels() && !LaneLevels::find(*op.getLevels(), lhs.getElementType()))
    return op.emitOpError() << "has levels that are no sums of three numbers of " << lhs.getElementType();
  if (failed(matchEpilogue(op, op.getInit(), op.getEpilogueOperands(), op.getEpilogue(), kernel.shared)))
    return failure();
  kernel.shared.depth = getKnown(lhs.getDimSize(1));
  kernel.hasConstantWeights = llvm::all_of(ArrayRef<Value>{op.getRhs(), op.getScales(), op.getZeros()}, isConstant);
  return kernel;
}

/// What the kernel's code depends on, besides its plan.
static std::string describe(const MatmulKernel &kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (const MatmulSide &side : {kernel.lhs, kernel.rhs})
    stream << side.width << side.isSigned << side.isFloat << side.isTransposed << side.isShared << ",";
  stream << kernel.hasBatches << kernel.depthAlignment << "," << kernel.columnAlignment;
  for (const EpilogueOperand &operand : kernel.operands)
    stream << "," << static_cast<int>(operand.kind) << operand.isShared;
  describe(kernel.epilogue->front(), stream);
  return text;
}

static std::string describe(const GroupedKernel &kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << kernel.types.element << kernel.types.width << kernel.types.isUnsigned;
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
    FailureOr<MatmulKernel> kernel = match(op);
    if (failed(kernel))
      return failure();
    std::string obstacles;
    std::unique_ptr<MatmulPlan> plan = planMatmul(*kernel, *architecture, obstacles, {schedule, tile});
    if (!plan)
      return op.emitOpError() << "has no schedule on " << architecture->chip << ": " << obstacles;
    gpu::GPUFuncOp function = getKernel(op, *kernel, *plan, kernels);
    launchPlan(op, *plan, function);
    if (!plan->usesMatrixUnit())
      reportNextBest(op, obstacles);
    report(op, function, plan->getThreads(), plan->getSharedBytes());
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
    buildLaunch(b, function, getBlocks(columns, plan.getColumns()), getBlocks(rows, plan.rows), plan.getSharedBytes(), values);
    report(op, function, plan.getThreads(), plan.getSharedBytes());
    op.erase();
    return success();
  }

  static void reportNextBest(MatmulOp op, StringRef obstacles) {
    auto parent = op->getParentOfType<FunctionOpInterface>();
    remark::missed(op.getLoc(), remark::RemarkOpts::name("matrix-unit").category("lowbit").function(parent ? parent.getName() : ""))
        << remark::reason("{0}", obstacles);
  }

  static void report(Operation *op, gpu::GPUFuncOp function, unsigned threads, unsigned sharedBytes) {
    auto parent = op->getParentOfType<FunctionOpInterface>();
    remark::passed(op->getLoc(), remark::RemarkOpts::name("launch").category("lowbit").function(parent ? parent.getName() : ""))
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
    Value depth = getSize(b, op.getLhs(), hasBatches + (op.getLhsTransposed() ? 0 : 1));
    arguments.depth = b.mul(depth, getElementBytes(cast<MemRefType>(op.getLhs().getType())));
    MatmulPlan::Launch launch = plan.buildLaunch(b, arguments);
    SmallVector<Value> values = arguments.toValues();
    llvm::append_range(values, launch.extra);
    Value one = arith::ConstantIndexOp::create(b, 1), blocks = arith::IndexCastOp::create(b, b.getIndexType(), launch.blocks);
    buildLaunch(b, function, blocks, one, plan.getSharedBytes(), values);
  }

  const GPUArchitecture *architecture = nullptr;
};
} // namespace
} // namespace mlir::lowbit
