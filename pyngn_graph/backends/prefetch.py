"""Asking for memory before it is needed, from compiled code."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _asking(writes):
    @intrinsic
    def prefetch(typing_context, array, place):
        def generate(context, builder, signature, args):
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
            llvm = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            line = builder.bitcast(builder.gep(data, [args[1]]), byte)
            builder.call(llvm, [line, *(ir.Constant(word, value) for value in (writes, 3, 1))])
            return context.get_dummy_value()

        return types.void(array, types.int64), generate

    return prefetch


prefetch, prefetch_to_read = _asking(1), _asking(0)
"""Ask for the cache line of ``array[place]``, which is going to be written, or only read."""
