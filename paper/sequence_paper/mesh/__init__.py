"""The bus between paper's processes: subjects, payloads and measured links."""
