//! The two networks of a GAN.

/// One of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Distinguishes real from generated images.
    Discriminator,
    /// Generates images.
    Generator,
}

impl Role {
    /// Both, generator first.
    pub const BOTH: [Role; 2] = [Role::Generator, Role::Discriminator];

    /// The name in messages and files.
    pub fn name(self) -> &'static str {
        match self {
            Role::Discriminator => "discriminator",
            Role::Generator => "generator",
        }
    }
}
