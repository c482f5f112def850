package com.positivity.order;

import java.io.IOException;
import java.nio.file.Path;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.ApplicationArguments;
import org.springframework.boot.ApplicationRunner;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Component;

@Component
@Profile("signing-key")
class SigningKey {

    SigningKey(@Value("${pos.signing-key}") Path path) throws IOException {
        java.nio.file.Files.readAllBytes(path);
    }
}

/** Runs after the application has started: Spring Boot logs “Started” before it calls its runners. */
@Component
@Profile("price-import")
class PriceImport implements ApplicationRunner {

    private final Path path;

    PriceImport(@Value("${pos.prices}") Path path) {
        this.path = path;
    }

    @Override
    public void run(ApplicationArguments arguments) throws IOException {
        java.nio.file.Files.readAllLines(path);
    }
}
