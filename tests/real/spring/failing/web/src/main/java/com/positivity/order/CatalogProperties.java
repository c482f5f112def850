package com.positivity.order;

import jakarta.validation.constraints.NotBlank;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.validation.annotation.Validated;

@Validated
@ConfigurationProperties("pos.catalog")
record CatalogProperties(@NotBlank String baseUrl, @DefaultValue("2s") Duration timeout) {
}

@Configuration
@Profile("binding")
@EnableConfigurationProperties(CatalogProperties.class)
class CatalogConfiguration {
}
