//===- AttrInterfaces.td - format, packing, observer, estimator, target ---===//

#ifndef LOWBIT_INTERFACES_ATTRINTERFACES_TD
#define LOWBIT_INTERFACES_ATTRINTERFACES_TD

include "mlir/IR/OpBase.td"

def NumberFormatAttrInterface : AttrInterface<"NumberFormatAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    A number format maps codes of a few bits to real numbers. It says this twice: as host arithmetic
    (`encode`, `decode`, used to fold constants and by tests) and as IR (`buildEncode`, `buildDecode`).
    Both agree bit for bit on every code and every f32.

    Encoding takes a real that has been divided by the scale already. It rounds half to even, saturates to
    [`getSmallest`, `getLargest`], and maps NaN to the code of the smallest value.
    Formats with a zero point add it after rounding and before saturation.
  }];
  let methods = [
    InterfaceMethod<"Bits of one code, 1 to 16.", "unsigned", "getWidth">,
    InterfaceMethod<"The element type that holds one code in a tensor.", "::mlir::Type", "getCodeType">,
    InterfaceMethod<[{
      The builtin element type that holds a code once `!lowbit.code` is lowered: the code type where it is builtin, else i8
      with the code in its low bits and zeros above.
    }], "::mlir::Type", "getStorageType", (ins), [{}], [{
      ::mlir::Type codeType = $_attr.getCodeType();
      return codeType.isIntOrFloat() ? codeType : ::mlir::IntegerType::get(codeType.getContext(), 8);
    }]>,
    InterfaceMethod<"The smallest real a code stands for, at scale one and zero point zero.", "double", "getSmallest">,
    InterfaceMethod<"The largest real a code stands for, at scale one and zero point zero.", "double", "getLargest">,
    InterfaceMethod<[{
      Whether every code decodes to an integer, so that products of codes sum exactly in an integer accumulator.
    }], "bool", "isInteger", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<"Whether codes may be shifted by a zero point.", "bool", "hasZeroPoint", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{
      Whether integers of this format extend with their sign (a zero point is read the same way).
    }], "bool", "isSigned", (ins), [{}], [{ return true; }]>,
    InterfaceMethod<[{
      The code of `value` as the low bits of the result. `zero` is added after rounding.
    }], "uint64_t", "encode", (ins "double":$value, "int64_t":$zero)>,
    InterfaceMethod<"The real that `code` stands for, zero point not subtracted.", "double", "decode", (ins "uint64_t":$code)>,
    InterfaceMethod<[{
      Builds the code, of the storage type, of `real` (f32, or a vector of f32). `zero` is null or of the type of `real`.
    }], "::mlir::Value", "buildEncode",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$real, "::mlir::Value":$zero)>,
    InterfaceMethod<"Builds the f32 (or vector of f32) that `code`, of the storage type, stands for.", "::mlir::Value", "buildDecode",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$code)>,
    InterfaceMethod<[{
      Builds the integer of `width` bits that `code` stands for. Only for formats with `isInteger`.
    }], "::mlir::Value", "buildDecodeInteger",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$code, "unsigned":$width), [{}],
      [{ return {}; }]>,
  ];
}

def PackingAttrInterface : AttrInterface<"PackingAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    A packing is data, not code: an affine map from the index of a code to its byte and its place there. The codes of a byte are the digits of
    a number, place 0 the least: to base 16, 4 or 2 a digit is a field of bits, to base 3 five digits share a byte. A code that is no digit
    is stored as the largest one, and a byte above the largest number is read as that number.
    Constants are packed on the host, and `lowbit.pack` and `lowbit.unpack` lower, by evaluating the map.
  }];
  let methods = [
    InterfaceMethod<[{
      Checks that codes of `shape` and `width` bits can be packed; reports to `emitError` what does not divide.
    }], "::llvm::LogicalResult", "verifyPackable",
      (ins "::llvm::ArrayRef<int64_t>":$shape, "unsigned":$width, "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<"The shape of the packed tensor of bytes (i8).", "::llvm::SmallVector<int64_t>", "getPackedShape",
      (ins "::llvm::ArrayRef<int64_t>":$shape, "unsigned":$width)>,
    InterfaceMethod<[{
      The map from a code's index to (index of its byte in the packed shape…, its place in that byte).
    }], "::mlir::AffineMap", "getPlaceMap", (ins "::llvm::ArrayRef<int64_t>":$shape, "unsigned":$width)>,
    InterfaceMethod<[{
      The base of the number that a byte of codes of `width` bits is. By default 256, 16, 4 or 2: a field of bits for each code.
    }], "int64_t", "getBase", (ins "unsigned":$width), [{}], [{
      return width > 8 ? 256 : int64_t(1) << ::llvm::PowerOf2Ceil(width);
    }]>,
    InterfaceMethod<"Codes of `width` bits that share a byte: as many digits as there is room for.", "int64_t", "getCodesPerByte",
      (ins "unsigned":$width), [{}], [{ return ::mlir::lowbit::getDigitsPerByte($_attr.getBase(width)); }]>,
    InterfaceMethod<"The code at `place` of a byte.", "uint8_t", "readCode",
      (ins "uint8_t":$byte, "unsigned":$width, "int64_t":$place), [{}], [{
        return ::mlir::lowbit::readDigit(byte, $_attr.getBase(width), place);
      }]>,
    InterfaceMethod<"Builds the same for i8, or a vector of i8.", "::mlir::Value", "buildReadCode",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$bytes, "unsigned":$width, "int64_t":$place), [{}], [{
        return ::mlir::lowbit::buildDigit(builder, loc, bytes, $_attr.getBase(width), place);
      }]>,
  ];
}

def ObserverAttrInterface : AttrInterface<"ObserverAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    An observer is a policy; what it remembers is an `ObserverState` (lowbit/Observers/ObserverState.h):
    bounded in memory, fed batch by batch, merged associatively.
  }];
  let methods = [
    InterfaceMethod<"A fresh state that has seen nothing.", "std::unique_ptr<::mlir::lowbit::ObserverState>", "createState">,
  ];
}

def EstimatorAttrInterface : AttrInterface<"EstimatorAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    The derivative of `fake_quant` is zero almost everywhere; an estimator says what to use instead.
    All values are f32 scalars or vectors of one shape.
  }];
  let methods = [
    InterfaceMethod<"Whether it is meant for `format`; if not, `reason` says what it expects.", "bool", "fitsFormat",
      (ins "::mlir::lowbit::NumberFormatAttrInterface":$format, "std::string &":$reason), [{}], [{ return true; }]>,
    InterfaceMethod<[{
      Builds d fake_quant / d x at `scaled` = x / scale, whose encoded and decoded value is `rounded`.
      `smallest` and `largest` are the reals of the format less the zero point.
    }], "::mlir::Value", "buildInputGradient",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$scaled, "::mlir::Value":$rounded,
           "::mlir::Value":$smallest, "::mlir::Value":$largest)>,
    InterfaceMethod<[{
      Builds d fake_quant / d scale at the same place, before it is summed over the block. `blockElements` (f32) is
      the number of elements that share the scale; `bound` is the largest real of the format, which no zero point shifts.
    }], "::mlir::Value", "buildScaleGradient",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$scaled, "::mlir::Value":$rounded,
           "::mlir::Value":$smallest, "::mlir::Value":$largest, "::mlir::Value":$blockElements, "::mlir::Value":$bound)>,
  ];
}

def ParametrizationAttrInterface : AttrInterface<"ParametrizationAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    What is rounded in place of a weight, and by which scale: `element(w) * factor`, by a scale that is trained or computed. Scale and factor are
    made of statistics of the weights that share a scale; a statistic may use those before it. All values are f32 scalars.
  }];
  let methods = [
    InterfaceMethod<"Whether it is meant for `format`; if not, `reason` says what it expects.", "bool", "fitsFormat",
      (ins "::mlir::lowbit::NumberFormatAttrInterface":$format, "std::string &":$reason), [{}], [{ return true; }]>,
    InterfaceMethod<"How each statistic is made of its terms.", "::llvm::SmallVector<::mlir::lowbit::Reduction>", "getStatistics">,
    InterfaceMethod<"Builds what the element `weight` adds to statistic number `index`.", "::mlir::Value", "buildTerm",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "unsigned":$index, "::mlir::Value":$weight,
           "::mlir::ValueRange":$statistics, "::mlir::Value":$blockElements)>,
    InterfaceMethod<[{
      Builds the scale; null where it is a parameter, which is trained. `blockElements` is the number of weights that share it.
    }], "::mlir::Value", "buildScale",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$statistics, "::mlir::Value":$blockElements),
      [{}], [{ return {}; }]>,
    InterfaceMethod<"Whether a computed scale is differentiated; it counts as a constant otherwise.", "bool", "followsScale", (ins), [{}],
      [{ return false; }]>,
    InterfaceMethod<"Builds what becomes of `weight` before it is multiplied; by default nothing.", "::mlir::Value", "buildElement",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$weight), [{}], [{ return weight; }]>,
    InterfaceMethod<[{
      Builds the factor, which counts as a constant; null for 1. `largest` is the largest real of the format.
    }], "::mlir::Value", "buildFactor",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$statistics, "::mlir::Value":$blockElements,
           "::mlir::Value":$scale, "double":$largest), [{}], [{ return {}; }]>,
  ];
}

def LossAttrInterface : AttrInterface<"LossAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = "What training makes small: a number for a prediction and what it should have been, as ops that can be differentiated.";
  let methods = [
    InterfaceMethod<[{
      The type of what a prediction of `prediction` (static shape, f32) is compared with; null, with `reason` set, where it has no such loss.
    }], "::mlir::RankedTensorType", "getTargetType",
      (ins "::mlir::RankedTensorType":$prediction, "std::string &":$reason)>,
    InterfaceMethod<"Builds the loss, `tensor<f32>`: a mean over the rows of the prediction.", "::mlir::Value", "buildLoss",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$prediction, "::mlir::Value":$target)>,
  ];
}

def OptimizerAttrInterface : AttrInterface<"OptimizerAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = "How a parameter follows its gradient. All values are f32.";
  let methods = [
    InterfaceMethod<"Tensors of the parameter's shape, zero at first, that are kept from step to step.", "unsigned", "getNumStates">,
    InterfaceMethod<[{
      Builds what is the same for all elements at `step`, the number of this step from 1.
    }], "::llvm::SmallVector<::mlir::Value>", "buildFactors", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$step)>,
    InterfaceMethod<[{
      Builds what the parameter's element loses, before the rate multiplies it, then its new states. `decays` says whether weight decay is
      meant for it.
    }], "::llvm::SmallVector<::mlir::Value>", "buildUpdate",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::Value":$parameter, "::mlir::Value":$gradient,
           "::mlir::ValueRange":$states, "::mlir::ValueRange":$factors, "bool":$decays)>,
    InterfaceMethod<"Whether the rate of a weight is a share of its norm: it is multiplied by `|weight| / |what it loses|`.",
      "bool", "followsNorm", (ins), [{}], [{ return false; }]>,
  ];
}

def QuantTargetAttrInterface : AttrInterface<"QuantTargetAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    A target answers questions about capability. Passes ask it; they never ask which target it is.
  }];
  let methods = [
    InterfaceMethod<"The name users write, such as `x86-64-avx512vnni`.", "::llvm::StringRef", "getName">,
    InterfaceMethod<"The LLVM triple to generate code for.", "::llvm::StringRef", "getTriple">,
    InterfaceMethod<"The LLVM processor name; empty means the host's own.", "::llvm::StringRef", "getProcessor">,
    InterfaceMethod<"LLVM features, comma separated, each with its sign.", "::llvm::StringRef", "getFeatures">,
    InterfaceMethod<[{
      What a machine must have to run this target's code: features as LLVM detects them on a host, comma separated.
    }], "::llvm::StringRef", "getHostFeatures">,
    InterfaceMethod<[{
      How good the code is on machines that run it: `host` picks the largest. Negative: only by name.
    }], "int", "getPreference">,
    InterfaceMethod<[{
      Asks the system for what this process needs to run the code besides the features; says why it cannot, or nothing.
    }], "std::string", "prepareHost", (ins), [{}], [{ return std::string(); }]>,
    InterfaceMethod<"Bits of a vector register; 0 for plain loops without vectors.", "unsigned", "getVectorBits">,
    InterfaceMethod<"Number of vector registers.", "unsigned", "getNumVectorRegisters">,
    InterfaceMethod<"Bytes of the first and second level data cache of one core.", "std::pair<int64_t, int64_t>", "getCacheBytes">,
    InterfaceMethod<[{
      The dot product of 8-bit codes that fits this target best. By default one product a lane, extended to i32.
    }], "::mlir::lowbit::DotProduct", "getDotProduct", (ins), [{}], [{
      return {/*lhsWidth=*/8, ::mlir::lowbit::Signs::Any, /*depth=*/1, /*lanes=*/$_attr.getVectorBits() / 32, /*temporaries=*/2};
    }]>,
    InterfaceMethod<[{
      The dot product of bf16 with sums of f32; none where floats are multiplied in f32.
    }], "std::optional<::mlir::lowbit::DotProduct>", "getBFloat16DotProduct", (ins), [{}], [{ return std::nullopt; }]>,
    InterfaceMethod<[{
      Builds the element of `table`, 16 of f32 or bf16, at each of `indices`, a vector of i8 below 16: one instruction, or null when the
      machine has none for vectors of this size.
    }], "::mlir::Value", "buildTableLookup",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::DenseFPElementsAttr":$table, "::mlir::Value":$indices),
      [{}], [{ return {}; }]>,
    InterfaceMethod<[{
      The matrix unit beside the vectors, if there is one. Its products are whole ops on buffers (`lowbit.tile_product`), which
      `populateDotProductPatterns` has a pattern for; signs and panels are those of the dot product.
    }], "std::optional<::mlir::lowbit::TileProduct>", "getTileProduct", (ins), [{}], [{ return std::nullopt; }]>,
    InterfaceMethod<[{
      The layout of weights `[…, K, N]` (`[…, N, K]` when `transposed`) for dot products of `depth`, in panels of `columns`; null when
      they stay as they are. Codes of less than a byte are fields of bits, or, where `base` is not 0, digits to that base. By default panels, for
      targets that have vectors.
    }], "::mlir::lowbit::PackingAttrInterface", "getWeightPacking",
      (ins "int64_t":$columns, "int64_t":$depth, "bool":$transposed, "int64_t":$base), [{}], [{
        return $_attr.getVectorBits() == 0 ? ::mlir::lowbit::PackingAttrInterface()
                                           : ::mlir::lowbit::getPanelPacking($_attr.getContext(), columns, depth, transposed, base);
      }]>,
    InterfaceMethod<[{
      Instructions that take a register of bytes apart into all their digits to `base`, which is no power of two; none when the target
      has no short way.
    }], "std::optional<int64_t>", "getDigitInstructions", (ins "int64_t":$base), [{}], [{ return std::nullopt; }]>,
    InterfaceMethod<"Bytes of the last-level cache that one core can count on.", "int64_t", "getLastCacheBytes", (ins), [{}], [{
      return 2 << 20;
    }]>,
    InterfaceMethod<[{
      Adds the patterns that turn a `vector.contract` of the native dot shape, over codes extended to i32, into the target's
      instructions. What no pattern takes is extended, multiplied and added lane by lane.
    }], "void", "populateDotProductPatterns", (ins "::mlir::RewritePatternSet &":$patterns), [{}], [{ return; }]>,
    InterfaceMethod<[{
      The GPU that contractions run on; null for CPUs. All other answers are then about the host, whose code launches kernels.
    }], "const ::mlir::lowbit::GPUArchitecture *", "getGPU", (ins), [{}], [{ return nullptr; }]>,
    InterfaceMethod<"Whether kernels run on the host instead, by models of the GPU's instructions.", "bool", "isSimulated", (ins), [{}], [{
      return false;
    }]>,
    InterfaceMethod<[{
      The target of whose kernels plain loops on the host compute the floats: in their order, rounded where they round. Its name; empty
      where loops compute as the documents of the ops say.
    }], "::llvm::StringRef", "getFollowedTarget", (ins), [{}], [{ return ""; }]>,
  ];
}

#endif
