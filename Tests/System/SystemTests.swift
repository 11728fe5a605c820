import Testing

/// The built binary, driven by programs that we did not write. One test at a time: each starts several processes.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SystemTests {}
