//===- CHeader.cpp - compiled functions as a C program sees them ----------===//
// Law: a header compiles without warnings as C99 and as C++, whatever a model calls its inputs.

#include "CHeader.h"
#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static bool isKeyword(StringRef name) {
  static const llvm::StringSet<> keywords = {
      "alignas",  "alignof",   "and",       "asm",       "auto",     "bool",     "break",  "case",     "catch",    "char",
      "class",    "const",     "constexpr", "continue",  "default",  "delete",   "do",     "double",   "else",     "enum",
      "explicit", "export",    "extern",    "false",     "float",    "for",      "friend", "goto",     "if",       "inline",
      "int",      "long",      "mutable",   "namespace", "new",      "noexcept", "not",    "nullptr",  "operator", "or",
      "private",  "protected", "public",    "register",  "requires", "restrict", "return", "short",    "signed",   "sizeof",
      "static",   "struct",    "switch",    "template",  "this",     "throw",    "true",   "try",      "typedef",  "typeid",
      "typename", "typeof",    "union",     "unsigned",  "using",    "virtual",  "void",   "volatile", "while",    "xor"};
  return keywords.contains(name);
}

/// `name` as an identifier of C.
static std::string getIdentifier(StringRef name) {
  std::string identifier;
  for (char c : name)
    identifier += llvm::isAlnum(c) ? c : '_';
  // Names that begin with an underscore are the implementation's.
  if (identifier.empty() || !llvm::isAlpha(identifier.front()))
    identifier = "x" + identifier;
  return isKeyword(identifier) ? identifier + "_" : identifier;
}

static std::string getUnused(std::string identifier, llvm::StringSet<> &used) {
  std::string name = identifier;
  for (unsigned i = 2; !used.insert(name).second; ++i)
    name = identifier + "_" + std::to_string(i);
  return name;
}

/// The C type of one element; empty when there is none.
static std::string getCType(const ElementType &type) {
  StorageType storage = type.getStorage();
  if (storage.kind == 'b')
    return "bool";
  if (storage.kind == 'f' && storage.bytes >= 4)
    return storage.bytes == 4 ? "float" : "double";
  if (!llvm::isPowerOf2_32(storage.bytes))
    return "";
  return (storage.kind == 'i' ? "int" : "uint") + std::to_string(storage.bytes * 8) + "_t";
}

static LogicalResult checkPort(Location loc, const Entry &entry, const Port &port) {
  if (ShapedType::isDynamicShape(port.shape))
    return emitError(loc) << "function `" << entry.name << "`: `" << port.name << "` has shape [" << formatShape(port.shape)
                          << "]; expected sizes that are known, so import the model with fixed dimensions";
  if (getCType(port.type).empty())
    return emitError(loc) << "function `" << entry.name << "`: `" << port.name << "` has elements of " << port.type.getName()
                          << ", which C has no type for";
  return success();
}

std::string getErrorFunction(StringRef stem) { return getIdentifier((stem + "_error").str()); }
std::string getReleaseFunction(StringRef stem) { return getIdentifier((stem + "_release").str()); }

FailureOr<CFunction> nameFunction(Location loc, const Entry &entry, StringRef stem, const DeviceInterface *device) {
  if (!entry.obstacle.empty())
    return emitError(loc) << "function `" << entry.name << "` cannot be called from outside: " << entry.obstacle;
  CFunction function{entry, getIdentifier((stem + "_" + entry.name).str()), {}, device};
  llvm::StringSet<> used;
  for (const Port &port : llvm::concat<const Port>(entry.inputs, entry.outputs)) {
    if (failed(checkPort(loc, entry, port)))
      return failure();
    function.parameters.push_back(getUnused(getIdentifier(port.name), used));
  }
  if (entry.workspaceBytes)
    function.parameters.push_back(getUnused("workspace", used));
  if (device)
    function.parameters.push_back(getUnused(device->stream.str(), used));
  return function;
}

//===----------------------------------------------------------------------===//
// The header
//===----------------------------------------------------------------------===//

namespace {
/// One parameter: what is declared, and what the comment says.
struct Parameter {
  std::string declaration, name, shape, note;
};
} // namespace

/// `text` for inside of a comment.
static std::string escapeComment(StringRef text) {
  std::string line = llvm::join(llvm::split(text, "*/"), "* /");
  llvm::replace(line, '\n', ' ');
  return line;
}

static std::string getNote(const Port &port, StringRef parameter, bool isOutput) {
  SmallVector<std::string> notes;
  if (isOutput)
    notes.push_back("output");
  if (parameter != port.name)
    notes.push_back("`" + escapeComment(port.name) + "`");
  if (port.type.isNarrow() && port.type.getStorage().kind != 'b')
    notes.push_back(llvm::formatv("{0} in the low bits of each byte, zeros above", port.type.getName()));
  else if (port.type.getName().front() != 'i' && port.type.getName().front() != 'u' && getCType(port.type).front() == 'u')
    notes.push_back("bits of " + port.type.getName());
  return llvm::join(notes, ", ");
}

static std::vector<Parameter> getParameters(const CFunction &function, StringRef restrictMacro) {
  std::vector<Parameter> parameters;
  auto add = [&](const Port &port, bool isOutput) {
    StringRef name = function.parameters[parameters.size()];
    std::string type = getCType(port.type), shape = type;
    for (int64_t size : port.shape)
      shape += "[" + std::to_string(size) + "]";
    bool byValue = port.isScalar && !isOutput;
    std::string declaration =
        byValue ? type + " " + name.str() : ((isOutput ? "" : "const ") + type + " *" + restrictMacro + " " + name).str();
    parameters.push_back({std::move(declaration), name.str(), std::move(shape), getNote(port, name, isOutput)});
  };
  for (const Port &port : function.entry.inputs)
    add(port, /*isOutput=*/false);
  for (const Port &port : function.entry.outputs)
    add(port, /*isOutput=*/true);
  if (function.entry.workspaceBytes) {
    std::string name = function.parameters[parameters.size()];
    parameters.push_back({("void *" + restrictMacro + " " + name).str(), name, "bytes",
                          llvm::formatv("{0} of them, at an address that 64 divides; one workspace for each call at a time",
                                        function.entry.workspaceBytes)});
  }
  if (const DeviceInterface *device = function.device)
    parameters.push_back({"void *" + function.parameters.back(), function.parameters.back(), device->streamType.str(), device->note.str()});
  return parameters;
}

/// What the numbers mean that a function gives. One for a device gives -1, and its words are asked for.
static void writeAssertions(raw_ostream &os, const CFunction &function) {
  if (function.device || function.entry.assertions.empty())
    return;
  os << "/* Gives 0, or, when outputs are not to be used:";
  for (auto [index, text] : llvm::enumerate(function.entry.assertions))
    os << "\n * " << index + 1 << "  " << escapeComment(text);
  os << " */\n";
}

static void writeFunction(raw_ostream &os, const CFunction &function, StringRef restrictMacro) {
  std::vector<Parameter> parameters = getParameters(function, restrictMacro);
  size_t nameWidth = 0, shapeWidth = 0;
  for (const Parameter &parameter : parameters) {
    nameWidth = std::max(nameWidth, parameter.name.size());
    shapeWidth = std::max(shapeWidth, parameter.shape.size());
  }
  if (function.entry.workspaceBytes)
    os << "#define " << StringRef(function.symbol).upper() << "_WORKSPACE_BYTES " << function.entry.workspaceBytes << "\n\n";
  if (!parameters.empty())
    os << "/*";
  for (auto [index, parameter] : llvm::enumerate(parameters)) {
    std::string line = (Twine(index ? " * " : " ") + parameter.name + std::string(nameWidth - parameter.name.size() + 2, ' ') +
                        parameter.shape + std::string(shapeWidth - parameter.shape.size() + 2, ' ') + parameter.note)
                           .str();
    os << StringRef(line).rtrim() << (index + 1 == parameters.size() ? " */\n" : "\n");
  }
  writeAssertions(os, function);
  os << (function.device || !function.entry.assertions.empty() ? "int32_t " : "void ") << function.symbol << "(";
  llvm::interleaveComma(parameters, os, [&](const Parameter &parameter) { os << parameter.declaration; });
  os << (parameters.empty() ? "void);\n" : ");\n");
}

static bool usesBool(ArrayRef<CFunction> functions) {
  return llvm::any_of(functions, [](const CFunction &function) {
    return llvm::any_of(llvm::concat<const Port>(function.entry.inputs, function.entry.outputs),
                        [](const Port &port) { return port.type.getStorage().kind == 'b'; });
  });
}

/// What a program must know of all functions.
static void writeUse(raw_ostream &os, const ObjectDescription &object) {
  bool isShared = StringRef(object.file).ends_with(".so");
  if (object.threads > 1)
    os << " * Threads: " << object.threads << ", through OpenMP\n";
  os << " * Link with: " << object.file << (isShared ? " (-Wl,-rpath,'$ORIGIN' lets the loader find it beside the program)" : " -lm")
     << (object.threads > 1 && !isShared ? " -fopenmp (clang's; with other compilers -lomp)" : "") << "\n *\n";
  if (const DeviceInterface *device = object.device)
    os << " * Arrays are dense and row-major, " << device->memory << ", at multiples of 16 bytes. Inputs are only read; outputs are\n"
       << " * written whole and share memory with nothing else. Work is put on `" << device->stream
       << "` and may go on when a function returns: 0,\n"
       << " * or -1 when it could not be put there; " << getErrorFunction(object.stem) << " then says why. " << device->choice << "\n"
       << " * Kernels and constants are brought there by the first call. Several threads may call at the same time. */\n";
  else
    os << " * Arrays are dense and row-major, at any address that suits their elements. Inputs are only read; outputs are written whole "
          "and\n"
       << " * share memory with nothing else. There is no hidden state: several threads may call at the same time. */\n";
}

std::string formatHeader(ArrayRef<CFunction> functions, const ObjectDescription &object) {
  std::string text, guard = StringRef(getIdentifier(object.stem)).upper();
  std::string restrictMacro = guard + "_RESTRICT";
  llvm::raw_string_ostream os(text);
  os << "/* The functions of " << object.file << ", written with it by `lowbit compile`.\n *\n"
     << " * Target: " << object.target << "\n";
  writeUse(os, object);
  os << "#ifndef " << guard << "_H\n#define " << guard << "_H\n\n";
  if (usesBool(functions))
    os << "#include <stdbool.h>\n";
  os << "#include <stdint.h>\n\n#ifdef __cplusplus\n#define " << restrictMacro << " __restrict\nextern \"C\" {\n#else\n#define "
     << restrictMacro << " restrict\n#endif\n";
  for (const CFunction &function : functions) {
    os << "\n";
    writeFunction(os, function, restrictMacro);
  }
  if (object.device)
    os << "\n/* What was wrong with the last call of this thread that gave -1. */\nconst char *" << getErrorFunction(object.stem)
       << "(void);\n\n/* Gives back all memory that calls of this process left on devices; none may run. */\nvoid "
       << getReleaseFunction(object.stem) << "(void);\n";
  os << "\n#ifdef __cplusplus\n}\n#endif\n#undef " << restrictMacro << "\n\n#endif\n";
  return text;
}

} // namespace mlir::lowbit
