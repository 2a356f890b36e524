//! What the two tell each other: each of its fills, in 17 bytes, little-endian.

use algo_sdk::Fill;

/// One fill of the sender. `side` 1 bought, -1 sold; `qty_1e8` positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    pub side: i8,
    pub qty_1e8: i64,
    pub px_1e9: u64,
}

impl Filled {
    pub const SIZE: usize = 17;

    pub fn of(fill: &Fill) -> Self {
        Filled { side: fill.side, qty_1e8: fill.qty_1e8.abs(), px_1e9: fill.px_1e9 }
    }

    /// What it did to the position of whoever traded.
    pub fn signed_1e8(&self) -> i64 {
        self.qty_1e8 * self.side as i64
    }

    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[0] = self.side as u8;
        bytes[1..9].copy_from_slice(&self.qty_1e8.to_le_bytes());
        bytes[9..17].copy_from_slice(&self.px_1e9.to_le_bytes());
        bytes
    }

    /// None for anything that neither would send.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = payload.try_into().ok()?;
        let (mut qty, mut px) = ([0; 8], [0; 8]);
        qty.copy_from_slice(&bytes[1..9]);
        px.copy_from_slice(&bytes[9..17]);
        let filled = Filled { side: bytes[0] as i8, qty_1e8: i64::from_le_bytes(qty), px_1e9: u64::from_le_bytes(px) };
        (filled.side.abs() == 1 && filled.qty_1e8 > 0).then_some(filled)
    }
}
