"""What keeps the ledger sound: its history, the check of it, repair, and compaction."""
