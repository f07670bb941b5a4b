//===- PackConstants.cpp - codes of a few bits share their bytes ----------===//
// Law: unpack(packed) gives back the very codes, so the pass changes no value.

#include "lowbit/IR/Remarks.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PACKCONSTANTSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// The format with codes of type `element` that an attribute of `op` tells; null when none does.
static NumberFormatAttrInterface findFormat(Operation *op, Type element) {
  for (NamedAttribute attribute : op->getAttrs()) {
    auto format = dyn_cast<NumberFormatAttrInterface>(attribute.getValue());
    if (auto scheme = dyn_cast<SchemeAttr>(attribute.getValue()))
      format = scheme.getFormat();
    if (format && format.getCodeType() == element)
      return format;
  }
  return {};
}

/// The format of `codes` as those say that read them, also through moves and lookups; null when nobody does.
static NumberFormatAttrInterface findFormat(Value codes) {
  Type element = getElementTypeOrSelf(codes.getType());
  if (auto code = dyn_cast<CodeType>(element))
    return code.getFormat();
  SetVector<Value> values;
  values.insert(codes);
  for (size_t i = 0; i < values.size(); ++i) {
    Value value = values[i];
    for (Operation *user : value.getUsers()) {
      // What a body reads, its op moves.
      Operation *reader = value.getParentBlock()->findAncestorOpInBlock(*user);
      if (!reader)
        continue;
      if (NumberFormatAttrInterface format = findFormat(reader, element))
        return format;
      for (Value result : reader->getResults())
        if (getElementTypeOrSelf(result.getType()) == element)
          values.insert(result);
    }
  }
  return {};
}

/// Whether elements of `type` take less than a byte.
static bool isNarrow(Type type) {
  if (auto code = dyn_cast<CodeType>(type))
    return code.getFormat().getWidth() < 8;
  return type.isIntOrFloat() && type.getIntOrFloatBitWidth() < 8;
}

namespace {
struct PackConstantsPass final : impl::PackConstantsPassBase<PackConstantsPass> {
  void runOnOperation() override {
    SmallVector<arith::ConstantOp> constants;
    getOperation()->walk([&](arith::ConstantOp constant) {
      auto type = dyn_cast<RankedTensorType>(constant.getType());
      auto elements = dyn_cast<ElementsAttr>(constant.getValue());
      if (type && elements && type.getNumElements() > kInlineElements && isNarrow(type.getElementType()) && !isSplat(elements))
        constants.push_back(constant);
    });
    for (arith::ConstantOp constant : constants)
      if (StringRef reason = pack(constant); !reason.empty())
        remarkLeft(constant, reason);
  }

private:
  static void remarkLeft(arith::ConstantOp constant, StringRef reason) {
    remark::missed(constant.getLoc(), getRemarkOptions("byte-a-code", constant)) << remark::reason("{0}", reason);
  }

  /// Why the constant stays as it is; empty when it is packed.
  static StringRef pack(arith::ConstantOp constant) {
    auto type = cast<RankedTensorType>(constant.getType());
    PackingAttrInterface packing = getStoragePacking(constant.getContext());
    NumberFormatAttrInterface format = findFormat(constant);
    if (!format)
      return "nothing that reads the codes says what format they have";
    unsigned width = format.getWidth();
    int64_t codesPerByte = packing.getCodesPerByte(width);
    if (codesPerByte == 1)
      return "two codes do not fit into a byte";
    std::optional<std::vector<char>> codes = readCodes(constant.getResult());
    if (!codes)
      return "the codes cannot be read";
    for (char &code : *codes)
      code = static_cast<char>(static_cast<uint8_t>(code) & llvm::maskTrailingOnes<uint8_t>(width));
    replace(constant, *codes, type, format, packing);
    return {};
  }

  static void replace(arith::ConstantOp constant, ArrayRef<char> codes, RankedTensorType type, NumberFormatAttrInterface format,
                      PackingAttrInterface packing) {
    unsigned width = format.getWidth();
    SmallVector<int64_t> padded(type.getShape());
    padded.back() = llvm::alignTo(padded.back(), packing.getCodesPerByte(width));
    std::vector<char> bytes = packOnHost(padOnHost(codes, type.getShape(), padded), padded, packing, width);

    OpBuilder builder(constant);
    Location loc = constant.getLoc();
    auto packedType = RankedTensorType::get(packing.getPackedShape(padded, width), builder.getI8Type());
    std::string key = (getResourceKey(cast<ElementsAttr>(constant.getValue()), "constant") + ".packed").str();
    auto packed = arith::ConstantOp::create(builder, loc, cast<TypedAttr>(buildElements(packedType, bytes, key)));
    packed->setDiscardableAttrs(constant->getDiscardableAttrDictionary());
    Value unpacked = UnpackOp::create(builder, loc, type.clone(padded), packed, format, packing);
    if (type.getShape() != ArrayRef<int64_t>(padded)) {
      SmallVector<OpFoldResult> offsets(padded.size(), builder.getIndexAttr(0)), strides(padded.size(), builder.getIndexAttr(1));
      SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(builder.getContext(), type.getShape());
      unpacked = tensor::ExtractSliceOp::create(builder, loc, type, unpacked, offsets, sizes, strides);
    }
    constant.replaceAllUsesWith(unpacked);
    constant.erase();
  }
};
} // namespace
} // namespace mlir::lowbit
