package siteshift.lab;

import com.alibaba.nacos.NacosServerBasicApplication;
import com.alibaba.nacos.NacosServerWebApplication;
import com.alibaba.nacos.core.listener.startup.NacosStartUp;
import com.alibaba.nacos.core.listener.startup.NacosStartUpManager;
import com.alibaba.nacos.sys.env.DeploymentType;
import com.alibaba.nacos.sys.env.EnvUtil;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;

/**
 * The Nacos server without its console. Upstream's own main class lives in the archive that the artifacts lack; like
 * that one, this starts the core first and the HTTP APIs as its child, and announces each phase before it begins.
 */
public final class NacosLauncher {
    private NacosLauncher() {}

    public static void main(String[] args) {
        EnvUtil.setDeploymentType(DeploymentType.SERVER);

        NacosStartUpManager.start(NacosStartUp.CORE_START_UP_PHASE);
        var core = quiet(NacosServerBasicApplication.class).web(WebApplicationType.NONE).run(args);

        NacosStartUpManager.start(NacosStartUp.WEB_START_UP_PHASE);
        quiet(NacosServerWebApplication.class).parent(core).run(args);
    }

    private static SpringApplicationBuilder quiet(Class<?> application) {
        return new SpringApplicationBuilder(application).bannerMode(Banner.Mode.OFF);
    }
}
