package com.positivity.prices;

public record Money(long cents) {

    public static Money parse(String text) {
        return new Money(Long.parseLong(text));
    }
}
