//===- Places.h - where an op came from, in a user's words -----------------===//
#ifndef LOWBIT_IR_PLACES_H
#define LOWBIT_IR_PLACES_H

#include "mlir/IR/Location.h"
#include <string>

namespace mlir::lowbit {

/// The first place in a file that `loc` has, else the first name in quotes, else "an unknown place".
std::string describePlace(Location loc);

} // namespace mlir::lowbit

#endif // LOWBIT_IR_PLACES_H
