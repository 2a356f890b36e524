"""Paper venues: order books, matching against recorded liquidity, fees, positions and pre-trade risk."""
