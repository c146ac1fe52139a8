"""What a kernel's table holds, and reading and writing words of memory, as LLVM IR."""

from __future__ import annotations

# The table, in words of 8 bytes: 0 operands, 1 results, 2 samples in a piece, 3 samples collected at a time, 4 bytes of
# scratch memory for them, then a record for every operand and every result: torch's number of the type, rank, entries,
# bytes of an entry, where its sizes stand in the table, where its scratch begins.
TABLE_HEAD = 5
RECORD = 6

# What a call whose operands do not all lie in order hands to its threads, in words: 0 table, 1 kernel, 2 leading axes,
# 3 their sizes, 4 the row records: for every operand data, in order or not, strides, offsets of a row's entries.
ROW = 4

WORDS = """
define internal i64 @word(ptr %words, i64 %k) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  %word = load i64, ptr %place
  ret i64 %word
}
define internal ptr @pointer(ptr %words, i64 %k) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  %word = load ptr, ptr %place
  ret ptr %word
}
define internal void @put(ptr %words, i64 %k, i64 %word) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  store i64 %word, ptr %place
  ret void
}
define internal void @put.pointer(ptr %words, i64 %k, ptr %word) #1 {
  %place = getelementptr i64, ptr %words, i64 %k
  store ptr %word, ptr %place
  ret void
}"""
