extension CompletionScript {
  /// The parser's script for zsh with the keys; `nil` if it is not as expected.
  package func zsh(_ script: String) -> String? {
    var result: String? = script
    for command in commands {
      result = result.flatMap { Self.replaceFunction("_pico_\(command.name)", in: $0, with: Self.zshFunction(command)) }
    }
    return result.flatMap { Self.replaceFunction("_pico_config_check", in: $0, with: zshCheck) }
  }

  /// Takes specifications of positional arguments; without them there are those of the command.
  private static func zshFunction(_ command: Command) -> String {
    let specs = command.flags.map { flag in
      let names = flag.names.count == 1 ? flag.names[0] : "{\(flag.names.joined(separator: ","))}"
      // One name of a flag excludes the others, and itself unless it may be repeated.
      let exclusion = flag.isRepeatable ? "'*'" : "'(\(flag.names.joined(separator: " ")))'"
      let hasValue = flag.value != .none
      return "        \(exclusion)\(names)\(quoted("\(hasValue ? "=" : "")[\(escaped(flag.summary))]\(action(flag.value))"))"
    }
    let positionals = command.positionals.map { " ':\($0): '" }.joined()
    return """
      _pico_\(command.name)() {
          local -i ret=1
          (($#)) || set --\(positionals)
          local -ar arg_specs=(
      \(specs.joined(separator: "\n"))
          )
          _arguments -s -S : "${arg_specs[@]}" "${@}" && ret=0

          return "${ret}"
      }
      """
  }

  private var zshCheck: String {
    let names = commands.filter(\.isChecked).map(\.name)
    return """
      _pico_config_check() {
          if [[ "${CURRENT}" -gt 2 && "${words[2]}" = (\(names.joined(separator: "|"))) ]]; then
              shift words
              ((CURRENT--))
              "_pico_${words[1]}" '*:file:_files'
              return
          fi
          local -i ret=1
          _arguments -s -S : ':kind:(\(names.joined(separator: " ")))' '(-h --help)'{-h,--help}'[Show help information.]' && ret=0
          return "${ret}"
      }
      """
  }

  /// What follows the summary in a specification.
  private static func action(_ value: FlagCompletion.Value) -> String {
    switch value {
    case .none: ""
    case .boolean(orFile: false): "::boolean:(true false)"
    case .boolean(orFile: true): "::boolean or path:{_alternative \"words\\:word\\:(true false)\" \"files\\:file\\:_files\"}"
    case .word(let words): ":word:(\(words.joined(separator: " ")))"
    case .words(let words): ":words:_values -s , word \(words.joined(separator: " "))"
    case .file: ":file:_files"
    case .free(let kind): ":\(escaped(kind)): "
    }
  }

  /// Within a specification colons and brackets are marks.
  private static func escaped(_ text: String) -> String {
    text.map { "[]:\\".contains($0) ? "\\\($0)" : String($0) }.joined()
  }
}
