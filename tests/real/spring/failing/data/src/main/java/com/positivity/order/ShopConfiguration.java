package com.positivity.order;

import org.springframework.boot.autoconfigure.domain.EntityScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;

@Configuration
@Profile("mapped-by")
@EntityScan("com.positivity.shop")
class ShopConfiguration {
}
