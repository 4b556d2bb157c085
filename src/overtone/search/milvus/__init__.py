"""What the Milvus store consists of beside its calls: addresses, names of fields, and the language of filters."""
