//===- LowbitOpBase.td - what all ops share -------------------------------===//

#ifndef LOWBIT_IR_LOWBITOPBASE_TD
#define LOWBIT_IR_LOWBITOPBASE_TD

include "lowbit/IR/LowbitAttributes.td"
include "lowbit/IR/LowbitTypes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/VectorInterfaces.td"

class Lowbit_Op<string mnemonic, list<Trait> traits = []> : Op<Lowbit_Dialect, mnemonic, traits>;

/// Codes have a builtin integer or float element type, or `!lowbit.code`.
def Lowbit_Real : RankedTensorOf<[F16, BF16, F32, F64]>;
defvar Lowbit_Codes = AnyRankedTensor;
def Lowbit_Scales : RankedTensorOf<[F32, F16, BF16, F8E8M0FNU, F8E4M3FN]>;
def Lowbit_Zeros : RankedTensorOf<[AnySignlessInteger]>;

#endif
