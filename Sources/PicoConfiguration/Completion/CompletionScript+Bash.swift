extension CompletionScript {
  /// The parser's script for bash with the keys; `nil` if it is not as expected.
  package func bash(_ script: String) -> String? {
    var result: String? = script
    for command in commands {
      let text = Self.bashKeys(command) + "\n\n_pico_\(command.name)() {\n    __pico_complete_keys \"__pico_keys_\(command.name)\"\n}"
      result = result.flatMap { Self.replaceFunction("_pico_\(command.name)", in: $0, with: text) }
    }
    result = result.flatMap { Self.replaceFunction("_pico_config_check", in: $0, with: bashCheck) }
    return result.flatMap { script in
      script.contains("\n_pico() {\n") ? Self.insert(Self.bashMechanism + "\n\n", before: "_pico() {", in: script) : nil
    }
  }

  private static func insert(_ text: String, before line: String, in script: String) -> String {
    script.split(separator: "\n", omittingEmptySubsequences: false).map { $0 == line ? text + line : String($0) }.joined(separator: "\n")
  }

  /// A function that says which flags there are and, if `flag` is one, what may stand behind it.
  private static func bashKeys(_ command: Command) -> String {
    let names = command.flags.flatMap(\.names).joined(separator: " ")
    let repeatable = command.flags.filter(\.isRepeatable).flatMap(\.names).joined(separator: " ")
    var lines = ["__pico_keys_\(command.name)() {", "    flags='\(names)'", "    repeatable='\(repeatable)'", "    case \"${flag}\" in"]
    for flag in command.flags {
      let action: String? =
        switch flag.value {
        case .none: nil
        case .boolean(let orFile): orFile ? "words='true false' files=true" : "words='true false'"
        case .word(let words): "words='\(words.joined(separator: " "))'"
        case .words(let words): "words='\(words.joined(separator: " "))' list=true"
        case .file: "files=true"
        case .free: "free=true"
        }
      if let action { lines.append("    \(flag.names.joined(separator: " | "))) \(action) ;;") }
    }
    return (lines + ["    esac", "}"]).joined(separator: "\n")
  }

  private var bashCheck: String {
    let names = commands.filter(\.isChecked).map(\.name)
    return """
      _pico_config_check() {
          local command="${unparsed_words[0]}"
          case "${command}" in
          \(names.joined(separator: " | ")))
              __pico_complete_keys "__pico_keys_${command}" files
              ;;
          *)
              COMPREPLY+=($(compgen -W '\(names.joined(separator: " ")) --help' -- "${cur}"))
              ;;
          esac
      }
      """
  }

  /// `cur` and `COMP_WORDS` are as in the parser's functions. bash takes `=` for a word of its own.
  private static let bashMechanism = """
    # Offers flags that are keys of the configuration, and their values.
    #
    # - 1: the function that sets flags and repeatable, and for the flag in ${flag} what may be behind it: words (with list: several, with
    #   commas), files, free
    # - 2: "files" if the command takes the name of a file
    __pico_complete_keys() {
        local flag= flags= repeatable= words= files=false list=false free=false
        local before="${COMP_WORDS[COMP_CWORD - 1]}"
        if [[ "${COMP_WORDS[COMP_CWORD]}" = '=' ]]; then
            flag="${before}"
        elif [[ "${before}" = '=' ]]; then
            flag="${COMP_WORDS[COMP_CWORD - 2]}"
        elif [[ "${cur}" != -* ]]; then
            flag="${before}"
        fi
        "${1}"
        if [[ -n "${words}" ]]; then
            local prefix=
            if "${list}" && [[ "${cur}" = *,* ]]; then
                prefix="${cur%,*},"
            fi
            COMPREPLY+=($(compgen -P "${prefix}" -W "${words}" -- "${cur#"${prefix}"}"))
        fi
        if "${files}"; then
            __pico_add_completions -f
        fi
        if "${files}" || "${free}" || [[ -n "${words}" ]]; then
            return
        fi
        local offered= name
        for name in ${flags}; do
            if [[ " ${repeatable} " = *" ${name} "* || " ${COMP_WORDS[*]::COMP_CWORD} " != *" ${name} "* ]]; then
                offered+=" ${name}"
            fi
        done
        if [[ "${cur}" = -* || "${2}" != files ]]; then
            COMPREPLY+=($(compgen -W "${offered}" -- "${cur}"))
        else
            __pico_add_completions -f
        fi
    }
    """
}
