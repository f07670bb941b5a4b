//===- ContractSyntax.cpp - text of lowbit.contract -----------------------===//

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

namespace {
/// One side as it is parsed.
struct ParsedSide {
  SmallVector<OpAsmParser::UnresolvedOperand, 1> codes, scales, zeros;
  SmallVector<Type, 1> codesType, scalesType, zerosType;
  SchemeAttr scheme;
};
} // namespace

/// side ::= keyword `(` codes (`scales` scales)? (`zeros` zeros)? scheme? `:` types `)`
static ParseResult parseSide(OpAsmParser &parser, StringRef keyword, ParsedSide &side) {
  if (parser.parseKeyword(keyword) || parser.parseLParen() || parser.parseOperand(side.codes.emplace_back()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("scales")) && parser.parseOperand(side.scales.emplace_back()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("zeros")) && parser.parseOperand(side.zeros.emplace_back()))
    return failure();
  if (failed(parser.parseOptionalColon())) {
    if (parser.parseCustomAttributeWithFallback(side.scheme) || parser.parseColon())
      return failure();
  }
  if (parser.parseType(side.codesType.emplace_back()))
    return failure();
  if (!side.scales.empty() && (parser.parseComma() || parser.parseType(side.scalesType.emplace_back())))
    return failure();
  if (!side.zeros.empty() && (parser.parseComma() || parser.parseType(side.zerosType.emplace_back())))
    return failure();
  return parser.parseRParen();
}

ParseResult ContractOp::parse(OpAsmParser &parser, OperationState &result) {
  ArrayAttr maps;
  ParsedSide lhs, rhs;
  OpAsmParser::UnresolvedOperand init;
  Type initType;
  SmallVector<OpAsmParser::UnresolvedOperand> epilogueOperands;
  SmallVector<Type> epilogueTypes;
  if (parser.parseAttribute(maps) || parseSide(parser, "lhs", lhs) || parseSide(parser, "rhs", rhs) || parser.parseKeyword("outs") ||
      parser.parseLParen() || parser.parseOperand(init) || parser.parseColonType(initType) || parser.parseRParen())
    return failure();
  Region *epilogue = result.addRegion();
  if (succeeded(parser.parseOptionalKeyword("epilogue"))) {
    if (parser.parseLParen())
      return failure();
    if (failed(parser.parseOptionalRParen()) &&
        (parser.parseOperandList(epilogueOperands) || parser.parseColonTypeList(epilogueTypes) || parser.parseRParen()))
      return failure();
    if (parser.parseRegion(*epilogue))
      return failure();
    ensureTerminator(*epilogue, parser.getBuilder(), result.location);
  }
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseArrow() || parser.parseType(result.types.emplace_back()))
    return failure();

  SMLoc loc = parser.getCurrentLocation();
  auto resolve = [&](ArrayRef<OpAsmParser::UnresolvedOperand> operands, ArrayRef<Type> types) {
    return parser.resolveOperands(operands, types, loc, result.operands);
  };
  if (resolve(lhs.codes, lhs.codesType) || resolve(lhs.scales, lhs.scalesType) || resolve(lhs.zeros, lhs.zerosType) ||
      resolve(rhs.codes, rhs.codesType) || resolve(rhs.scales, rhs.scalesType) || resolve(rhs.zeros, rhs.zerosType) ||
      resolve(init, initType) || resolve(epilogueOperands, epilogueTypes))
    return failure();
  Properties &properties = result.getOrAddProperties<Properties>();
  properties.indexing_maps = maps;
  properties.lhs_scheme = lhs.scheme;
  properties.rhs_scheme = rhs.scheme;
  llvm::copy(ArrayRef<int32_t>{1, static_cast<int32_t>(lhs.scales.size()), static_cast<int32_t>(lhs.zeros.size()), 1,
                               static_cast<int32_t>(rhs.scales.size()), static_cast<int32_t>(rhs.zeros.size()), 1,
                               static_cast<int32_t>(epilogueOperands.size())},
             properties.operandSegmentSizes.begin());
  return success();
}

static void printSide(OpAsmPrinter &printer, StringRef keyword, Value codes, Value scales, Value zeros, SchemeAttr scheme) {
  printer << " " << keyword << "(" << codes;
  if (scales)
    printer << " scales " << scales;
  if (zeros)
    printer << " zeros " << zeros;
  if (scheme) {
    printer << " ";
    printer.printStrippedAttrOrType(scheme);
  }
  printer << " : " << codes.getType();
  if (scales)
    printer << ", " << scales.getType();
  if (zeros)
    printer << ", " << zeros.getType();
  printer << ")";
}

void ContractOp::print(OpAsmPrinter &printer) {
  printer << " " << getIndexingMaps();
  printSide(printer, "lhs", getLhs(), getLhsScales(), getLhsZeros(), getLhsSchemeAttr());
  printSide(printer, "rhs", getRhs(), getRhsScales(), getRhsZeros(), getRhsSchemeAttr());
  printer << " outs(" << getInit() << " : " << getInit().getType() << ")";
  if (hasEpilogue()) {
    printer << " epilogue(";
    if (!getEpilogueOperands().empty())
      printer << getEpilogueOperands() << " : " << getEpilogueOperands().getTypes();
    printer << ") ";
    printer.printRegion(getEpilogue());
  }
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getIndexingMapsAttrName(), getLhsSchemeAttrName(), getRhsSchemeAttrName(), "operandSegmentSizes"});
  printer << " -> " << getResult().getType();
}

} // namespace mlir::lowbit
