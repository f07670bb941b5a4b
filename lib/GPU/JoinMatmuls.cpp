//===- JoinMatmuls.cpp - products that share a side become one ------------===//
// Law: a column of the joint product is computed as it was in its own.

#include "KernelModule.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_JOINMATMULSPASS
#include "lowbit/GPU/Passes.h.inc"

/// The elements of a constant as they lie in memory; nothing where it holds them otherwise.
static std::optional<std::vector<char>> getRawBytes(Value value) {
  ElementsAttr elements = getConstantElements(value);
  auto type = elements ? cast<ShapedType>(elements.getType()) : ShapedType();
  if (!type || type.getElementTypeBitWidth() % 8 != 0)
    return std::nullopt;
  size_t bytes = type.getNumElements() * (type.getElementTypeBitWidth() / 8);
  ArrayRef<char> raw;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    raw = blob ? blob->getData() : ArrayRef<char>();
  } else if (auto dense = dyn_cast<DenseElementsAttr>(elements)) {
    raw = dense.getRawData();
    if (dense.isSplat()) {
      std::vector<char> all;
      while (all.size() < bytes)
        all.insert(all.end(), raw.begin(), raw.end());
      return all;
    }
  }
  return raw.size() == bytes ? std::optional(std::vector<char>(raw.begin(), raw.end())) : std::nullopt;
}

static RankedTensorType getType(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Whether two operands of epilogues are one value for all rows and columns.
static bool areSame(Value left, Value right) {
  return left == right || (getConstantElements(left) && getConstantElements(left) == getConstantElements(right));
}

/// Whether it is a constant that can be put side by side with others: a number, or one a column.
static bool isColumnConstant(Value value) { return getType(value).getDimSize(0) == 1 && getRawBytes(value).has_value(); }

static std::string describeEpilogue(MatmulOp op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  describe(op.getEpilogue().front(), stream);
  return text;
}

/// Whether others need the rows to be next to one another: results of functions and operands of products, as they are or by other views.
/// The parts of a joint product are views with its pitch.
static bool needsPackedRows(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (user->hasTrait<OpTrait::IsTerminator>() || isa<MatmulOp, GroupedMatmulOp>(user))
      return true;
    if (isa<tensor::CastOp, tensor::BitcastOp, tensor::ReshapeOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp>(
            user))
      return use.getOperandNumber() == 0 && needsPackedRows(user->getResult(0));
    auto writer = dyn_cast<DestinationStyleOpInterface>(user);
    return writer && writer.isDpsInit(&use) && needsPackedRows(writer.getTiedOpResult(&use)); // may be written where it lies
  });
}

static bool canJoin(MatmulOp op) {
  return op.getResult() && op.getSumType().isInteger() && !op.getLhsWindows() && getType(op.getLhs()).getRank() == 2 &&
         getType(op.getResult()).hasStaticShape() && op.getInit().getDefiningOp<tensor::EmptyOp>() && getRawBytes(op.getRhs()) &&
         !needsPackedRows(op.getResult());
}

static bool canJoin(MatmulOp first, MatmulOp other) {
  if (first.getLhs() != other.getLhs() || first->getBlock() != other->getBlock() || first.getLhsUnsigned() != other.getLhsUnsigned() ||
      first.getRhsUnsigned() != other.getRhsUnsigned() || first.getBits() != other.getBits() ||
      getType(first.getRhs()).getDimSize(1) != getType(other.getRhs()).getDimSize(1) ||
      getType(first.getRhs()).getElementType() != getType(other.getRhs()).getElementType() ||
      getType(first.getResult()).getElementType() != getType(other.getResult()).getElementType() ||
      first.getEpilogueOperands().size() != other.getEpilogueOperands().size() || describeEpilogue(first) != describeEpilogue(other))
    return false;
  return llvm::all_of(llvm::zip_equal(first.getEpilogueOperands(), other.getEpilogueOperands()), [](auto pair) {
    auto [left, right] = pair;
    if (isColumnConstant(left) && isColumnConstant(right))
      return getType(left).getElementType() == getType(right).getElementType();
    return areSame(left, right) && getType(left).getDimSize(1) == 1; // of rows, or of all
  });
}

namespace {
/// Joins one set.
class Joiner {
public:
  Joiner(RewriterBase &rewriter, ArrayRef<MatmulOp> ops) : rewriter(rewriter), ops(ops) {}

  void join() {
    MatmulOp first = ops.front();
    Location loc = first.getLoc();
    rewriter.setInsertionPoint(first);
    RankedTensorType type = getType(first.getResult());
    int64_t columns = 0;
    for (MatmulOp op : ops)
      columns += getType(op.getResult()).getDimSize(1);
    Value rhs =
        joinConstants(llvm::map_to_vector(ops, [](MatmulOp op) { return op.getRhs(); }), {columns, getType(first.getRhs()).getDimSize(1)});
    SmallVector<Value> operands;
    for (unsigned i = 0; i < first.getEpilogueOperands().size(); ++i)
      operands.push_back(joinOperands(i, columns));
    auto joined = type.clone({type.getDimSize(0), columns});
    Value init = tensor::EmptyOp::create(rewriter, loc, joined.getShape(), joined.getElementType());
    auto made = MatmulOp::create(
        rewriter, rewriter.getFusedLoc(llvm::map_to_vector(ops, [](MatmulOp op) -> Location { return op.getLoc(); })), joined,
        first.getLhs(), rhs, Value(), Value(), init, operands, first.getLhsUnsigned(), first.getRhsUnsigned(), first.getBits(),
        /*lhs_transposed=*/false, /*rhs_transposed=*/false, WindowsAttr());
    made->setDiscardableAttrs(first->getDiscardableAttrDictionary());
    made.getEpilogue().takeBody(first.getEpilogue());
    int64_t begin = 0;
    for (MatmulOp op : ops) {
      SmallVector<OpFoldResult> offsets{rewriter.getIndexAttr(0), rewriter.getIndexAttr(begin)}, strides(2, rewriter.getIndexAttr(1));
      RankedTensorType part = getType(op.getResult());
      begin += part.getDimSize(1);
      Value slice = tensor::ExtractSliceOp::create(rewriter, op.getLoc(), part, made.getResult(), offsets,
                                                   getAsIndexOpFoldResult(rewriter.getContext(), part.getShape()), strides);
      rewriter.replaceOp(op, slice);
    }
  }

private:
  Value joinConstants(ArrayRef<Value> values, ArrayRef<int64_t> shape) {
    std::vector<char> bytes;
    for (Value value : values)
      llvm::append_range(bytes, *getRawBytes(value));
    return makeConstant(values.front(), shape, bytes);
  }

  Value makeConstant(Value like, ArrayRef<int64_t> shape, ArrayRef<char> bytes) {
    StringRef key = getResourceKey(getConstantElements(like), "joined");
    return arith::ConstantOp::create(rewriter, like.getLoc(), buildElements(getType(like).clone(shape), bytes, key));
  }

  Value joinOperands(unsigned index, int64_t columns) {
    SmallVector<Value> values = llvm::map_to_vector(ops, [&](MatmulOp op) -> Value { return op.getEpilogueOperands()[index]; });
    bool areAllSame = llvm::all_of(values, [&](Value value) { return areSame(values[0], value); });
    if (areAllSame && getType(values[0]).getDimSize(1) == 1)
      return values[0];
    std::vector<char> bytes;
    for (auto [value, op] : llvm::zip_equal(values, ops)) {
      std::vector<char> raw = *getRawBytes(value);
      int64_t repeats = getType(value).getDimSize(1) == 1 ? getType(MatmulOp(op).getResult()).getDimSize(1) : 1;
      for (int64_t i = 0; i < repeats; ++i)
        llvm::append_range(bytes, raw);
    }
    return makeConstant(values.front(), {1, columns}, bytes);
  }

  RewriterBase &rewriter;
  ArrayRef<MatmulOp> ops;
};

struct JoinMatmulsPass final : impl::JoinMatmulsPassBase<JoinMatmulsPass> {
  void runOnOperation() override {
    SmallVector<SmallVector<MatmulOp>> sets;
    getOperation()->walk([&](MatmulOp op) {
      if (!canJoin(op))
        return;
      auto *set = llvm::find_if(sets, [&](ArrayRef<MatmulOp> others) { return canJoin(others.front(), op); });
      if (set == sets.end())
        sets.push_back({op});
      else
        set->push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (ArrayRef<MatmulOp> set : sets)
      if (set.size() > 1)
        Joiner(rewriter, set).join();
  }
};
} // namespace
} // namespace mlir::lowbit
