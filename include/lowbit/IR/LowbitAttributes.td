//===- LowbitAttributes.td - all attributes, for one generated file -------===//
include "lowbit/IR/Estimators.td"
include "lowbit/IR/Formats.td"
include "lowbit/IR/Observers.td"
include "lowbit/IR/Packings.td"
include "lowbit/IR/Schemes.td"
include "lowbit/IR/Targets.td"
include "lowbit/IR/Windows.td"
