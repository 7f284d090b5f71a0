"""Numeric attributes as part of what an item's node begins with."""

from torch import Tensor, nn

from kgrec.kg.attributes import ItemAttributes


class AttributeFeatures(nn.Module):
    """A linear map of the attributes' columns into the model's space.

    Args:
        attributes: of the items; derived from the data, so no part of the state dict.
        embedding_dim: D.
    """

    columns: Tensor
    unknown: Tensor

    def __init__(self, attributes: ItemAttributes, embedding_dim: int) -> None:
        super().__init__()
        self.register_buffer("columns", attributes.columns, persistent=False)
        self.register_buffer("unknown", attributes.unknown, persistent=False)
        self.map = nn.Linear(len(attributes.names), embedding_dim, bias=False)

    def forward(self) -> Tensor:
        """``[I, D]`` of all items."""
        features: Tensor = self.map(self.columns)
        return features

    def of_unknown(self) -> Tensor:
        """``[D]`` of an item of which no number is known."""
        features: Tensor = self.map(self.unknown)
        return features
