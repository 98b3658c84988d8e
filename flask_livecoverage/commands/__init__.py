"""What the commands of ``flask livecov`` do, apart from reading their options."""
