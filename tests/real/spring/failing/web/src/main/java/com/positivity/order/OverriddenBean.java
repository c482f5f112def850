package com.positivity.order;

import java.time.Clock;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;

@Configuration
@Profile("bean-overridden")
class ClockConfiguration {

    @Bean
    Clock clock() {
        return Clock.systemUTC();
    }
}

@Configuration
@Profile("bean-overridden")
class TillConfiguration {

    @Bean
    Clock clock() {
        return Clock.systemDefaultZone();
    }
}
