"""The definition of procedures: loader, validation, parameters, expressions and templates."""
