import Testing

/// Tests of a whole node over real sockets, one after the other: each polls for what it waits for, and hundreds at once would keep each
/// other waiting.
@Suite(.serialized) enum NodeTests {}
