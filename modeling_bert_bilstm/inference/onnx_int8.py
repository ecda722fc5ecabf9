"""Make a smaller and faster ONNX file of whole numbers of 8 bits: the encoder's matrices and embeddings.

Matrices are quantised a column at a time; what they multiply, a batch at a time while it runs ("dynamic"). Embeddings
are stored with a scale for each word piece and multiplied out when read. LSTM, pooling and classifier stay in float.
"""

from pathlib import Path

import numpy as np

from ..extras import import_optional


_ENCODER = "/model/encoder/"  # the names of its nodes start so


def quantize_onnx(source: Path, target: Path) -> None:
    """Read a file that `write_onnx` wrote, and write it in int8.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
    """
    onnx = import_optional("onnx", "onnx")
    quantization = import_optional("onnxruntime.quantization", "onnx")
    model = onnx.load(source)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    # The file is not to be transformed beforehand; without this entry the library asks for it.
    onnx.helper.set_model_props(model, {**metadata, "onnx.quant.pre_process": "onnxruntime.quant"})
    products = [n.name for n in model.graph.node if n.op_type == "MatMul" and n.name.startswith(_ENCODER)]
    quantization.quantize_dynamic(
        model,
        target,
        op_types_to_quantize=["MatMul"],
        nodes_to_quantize=products,
        per_channel=True,
        reduce_range=True,  # sums of full 8 bits overflow on processors without VNNI
        weight_type=quantization.QuantType.QInt8,
    )
    model = onnx.load(target)
    _hold_embeddings_in_bytes(model.graph, onnx)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, target)


def quantize_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers and the scale of each row: float32 (V, D) -> int8 (V, D), float32 (V, 1)."""
    scales = np.abs(table).max(axis=1, keepdims=True).astype(np.float32) / 127
    scales[scales == 0] = 1
    return np.rint(table / scales).astype(np.int8), scales


def _hold_embeddings_in_bytes(graph, onnx) -> None:
    """Replace each table of the encoder that rows are gathered from."""
    weights = {entry.name: entry for entry in graph.initializer}
    readers = [name for node in graph.node for name in node.input]
    nodes = []
    for node in graph.node:
        table = weights.get(node.input[0]) if node.op_type == "Gather" and node.name.startswith(_ENCODER) else None
        is_float = table is not None and table.data_type == onnx.TensorProto.FLOAT and len(table.dims) == 2
        if not is_float or readers.count(table.name) > 1:
            nodes.append(node)
            continue
        name, index, output = table.name, node.input[1], node.output[0]
        numbers, scales = quantize_rows(onnx.numpy_helper.to_array(table))
        graph.initializer.remove(table)
        graph.initializer.append(onnx.numpy_helper.from_array(numbers, f"{name}.int8"))
        graph.initializer.append(onnx.numpy_helper.from_array(scales, f"{name}.scales"))
        nodes += [
            onnx.helper.make_node("Gather", [f"{name}.int8", index], [f"{output}.int8"], axis=0),
            onnx.helper.make_node("Gather", [f"{name}.scales", index], [f"{output}.scales"], axis=0),
            onnx.helper.make_node("Cast", [f"{output}.int8"], [f"{output}.float"], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("Mul", [f"{output}.float", f"{output}.scales"], [output]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
