//! The two networks by what they do.

/// Which of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tells real images from generated ones.
    Discriminator,
    /// Makes images.
    Generator,
}

impl Role {
    /// Both, generator first.
    pub const BOTH: [Role; 2] = [Role::Generator, Role::Discriminator];

    /// As messages and files name it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Discriminator => "discriminator",
            Role::Generator => "generator",
        }
    }
}
