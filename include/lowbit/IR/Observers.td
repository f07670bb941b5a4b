//===- Observers.td - where ranges come from ------------------------------===//

#ifndef LOWBIT_IR_OBSERVERS_TD
#define LOWBIT_IR_OBSERVERS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Observer<string name, string mnemonicText> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<ObserverAttrInterface>]>;

def Lowbit_MinMaxObserverAttr : Lowbit_Observer<"MinMaxObserver", "minmax"> {
  let summary = "Smallest and largest value seen";
}

#endif
