"""From a drawing or a photograph to the 28x28 picture that a network knows, and whether it is one digit."""
